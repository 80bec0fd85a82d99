"""What every test stands on: an environment of its own, a way to call `towpath`, and the rule for missing engines."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from postgres import Postgres, binaries, cluster

ROOT = Path(__file__).parents[1]
ENVIRONMENT: dict[str, str] = {}  # of all tests, as pytest_configure leaves it


def pytest_configure(config: pytest.Config) -> None:
    """Before anything is imported: no test reads or writes what belongs to the person who runs it."""
    for name in [n for n in os.environ if n.startswith(("MLFLOW_", "DVC_", "TOWPATH_", "GIT_"))]:
        if name not in ("TOWPATH_REQUIRE_CONTAINERS", "GIT_SSL_CAINFO"):
            del os.environ[name]
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background; what we start would inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    base = Path(os.environ.get("TMPDIR", "/tmp")) / f"towpath-tests-{os.getuid()}"
    os.environ.update(
        {
            "TOWPATH_HOME": str(base / "no-home-was-chosen"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "A Tester",
            "GIT_AUTHOR_EMAIL": "tester@example.invalid",
            "GIT_COMMITTER_NAME": "A Tester",
            "GIT_COMMITTER_EMAIL": "tester@example.invalid",
            "DVC_SITE_CACHE_DIR": str(base / "dvc-site"),
            "DVC_GLOBAL_CONFIG_DIR": str(base / "dvc-global"),
            "DVC_NO_ANALYTICS": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "GX_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "NO_COLOR": "1",
            "COLUMNS": "120",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
    )
    ENVIRONMENT.update(os.environ)


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What shares something dear stays in one process when tests run side by side: the engine, the walked projects."""
    for item in items:
        folder = item.path.parent.name
        alone = f"{folder}.{item.path.stem}"
        group = "docker" if item.get_closest_marker("docker") else folder if folder == "journeys" else alone
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A missing engine is a reason to skip on a developer's machine, and a failure where it was promised.

    The marks go into the JUnit report, where CI counts what really ran.
    """
    _put_environment_back()
    item.user_properties.extend(
        ("mark", mark) for mark in ("docker", "browser", "spark") if item.get_closest_marker(mark)
    )
    if item.get_closest_marker("docker") and (lack := _no_engine()):
        _skip_or_fail(lack, required=os.environ.get("TOWPATH_REQUIRE_CONTAINERS") == "1")
    if item.get_closest_marker("browser") and (lack := _no_browser()):
        _skip_or_fail(lack, required=bool(os.environ.get("CI")))


def _put_environment_back() -> None:
    """What a test, or a library that it called, left in the environment is no concern of the next one."""
    own = {name: value for name, value in os.environ.items() if name.startswith("PYTEST_")}
    if {**os.environ} != {**ENVIRONMENT, **own}:
        os.environ.clear()
        os.environ.update({**ENVIRONMENT, **own})


def _skip_or_fail(lack: str, *, required: bool) -> None:
    if required:
        pytest.fail(f"{lack}, and this run was told to need it", pytrace=False)
    pytest.skip(lack)


def _no_engine() -> str:
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=10)
        client.ping()
        client.close()
    except DockerException:
        return "no Docker engine answers"
    return ""


def _no_browser() -> str:
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else ""


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of this session's own; skipped where none is installed, which CI does not allow."""
    if binaries() is None:
        _skip_or_fail("PostgreSQL is not installed", required=bool(os.environ.get("CI")))
    with cluster() as running:
        yield running


@dataclass(frozen=True)
class Answer:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Towpath(Protocol):
    """Calls `towpath` as a person would, and fails the test unless it ends with `code`."""

    def __call__(
        self, *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None, code: int = 0
    ) -> Answer: ...


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A TOWPATH_HOME of this test's own; it does not exist yet."""
    return tmp_path / "home"


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    """The environment for a command of this test: its own home, no tracking server."""
    return {**os.environ, "TOWPATH_HOME": str(home)}


@pytest.fixture
def towpath(environment: dict[str, str], tmp_path: Path) -> Towpath:
    """`towpath("list", "--json", cwd=…, env={…more}, code=3)` in a process of its own."""

    def call(*arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None, code: int = 0) -> Answer:
        done = subprocess.run(
            [sys.executable, "-m", "towpath", *arguments],
            cwd=cwd or tmp_path,
            env={**environment, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == code, (
            f"towpath {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Answer(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of this repository."""
    return ROOT


@pytest.fixture(scope="session")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A packaged model of made-up texts and three codes; one for the whole session, so copy it before you change it."""
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    from towpath import models
    from towpath_core.files import write_json, write_text
    from towpath_core.manifest import Field, Manifest, Threshold
    from towpath_core.model_files import mlmodel
    from towpath_serve.predictor import Predictor

    titles = {"5434": "chef cook kitchen", "2314": "teacher secondary school", "6145": "carer care assistant"}
    texts = [f"{word} {other}" for title in titles.values() for word in title.split() for other in title.split()]
    codes = [code for code, title in titles.items() for _ in range(len(title.split()) ** 2)]
    columns = ColumnTransformer(
        [
            ("words", TfidfVectorizer(), "text"),
            ("parts", TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4)), "text"),
        ]
    )
    model = Pipeline([("columns", columns), ("classifier", LogisticRegression(C=10.0))])
    model.fit(pd.DataFrame({"text": texts}), codes)

    folder = tmp_path_factory.mktemp("packaged") / "package"
    models.save(model, folder / "model.skops")
    manifest = Manifest(
        "occupation-coder",
        "coding",
        "code",
        (Field("text", "string", max_length=200),),
        (1, 4),
        Threshold(0.7),
        {"name": "made-up"},
        2,
    )
    manifest.write(folder)
    write_text(folder / "MLmodel", json.dumps(mlmodel(manifest), indent=2) + "\n")
    write_text(
        folder / "nomenclature.csv", "code,title\n" + "".join(f"{code},{title}\n" for code, title in titles.items())
    )
    write_text(folder / "MODEL_CARD.md", "# Occupation coder\n")
    write_text(folder / "requirements.txt", "")
    examples = [{"text": "cook in a kitchen"}, {"text": "school teacher"}, {"text": "astronaut"}]
    write_json(folder / "input_example.json", examples)
    write_json(folder / "expected.json", Predictor.open(folder).answer(examples))
    return folder
