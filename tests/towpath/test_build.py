"""towpath build: an image with one model version, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry_world import EmbeddedWorld
from serving_world import NAME, registered, remove_image, wheelhouse
from towpath.images import DIGEST
from towpath.targets.docker_door import Engine
from towpath.wheels import Lock
from towpath_core.digests import dir_hash
from towpath_core.errors import CouldNot

if TYPE_CHECKING:
    from tests.conftest import Towpath

LOCK = Path(__file__).parents[2] / "platform/towpath/serving.lock"
TAG = f"{NAME}:build-test"


@pytest.fixture
def world(home: Path, packaged: Path) -> EmbeddedWorld:
    """A registry with version 1 with a real lock, and version 2 with none."""
    return registered(home, packaged, {"requirements.txt": LOCK.read_bytes()}, {"requirements.txt": b"scikit-learn\n"})


def no_engine(tmp_path: Path) -> dict[str, str]:
    return {"DOCKER_HOST": f"unix://{tmp_path}/no.sock"}


def test_without_an_engine_it_says_what_to_do(towpath: Towpath, world: EmbeddedWorld, tmp_path: Path) -> None:
    done = towpath("build", f"{NAME}/2", env=no_engine(tmp_path), code=3)
    assert f"no Docker engine answers at unix://{tmp_path}/no.sock" in done.err
    assert "start Docker, or set DOCKER_HOST" in done.err


@pytest.mark.docker
@pytest.mark.slow
def test_missing_wheels_name_the_command_that_fetches_them(towpath: Towpath, world: EmbeddedWorld) -> None:
    done = towpath("build", f"{NAME}/2", code=3)
    count = len(Lock.parse(LOCK.read_text()).pins)
    assert f"{count} of {count} wheels are missing in " in done.err
    assert f"Next:  towpath build {NAME}/2 --download" in done.err


@pytest.mark.docker
@pytest.mark.slow
def test_a_lock_without_hashes_and_an_unknown_base_are_refused(towpath: Towpath, world: EmbeddedWorld) -> None:
    assert "without a version and hashes: 'scikit-learn'" in towpath("build", f"{NAME}/3", code=2).err
    done = towpath("build", f"{NAME}/2", "--base-image", "no.such.invalid/image:1", code=3)
    assert "docker pull no.such.invalid/image:1, or --base-image" in done.err


@pytest.mark.docker
@pytest.mark.slow
def test_a_model_that_was_changed_is_not_built(towpath: Towpath, world: EmbeddedWorld) -> None:
    card = world.artifacts / NAME / "models" / f"m-{NAME}2" / "artifacts" / "MODEL_CARD.md"
    card.write_text("another")
    assert "registered was sha256:" in towpath("build", f"{NAME}/2", code=5).err


@pytest.fixture
def engine(environment: Mapping[str, str]) -> Iterator[Engine]:
    yield Engine(environment)
    remove_image(TAG, environment)


@pytest.mark.docker
@pytest.mark.slow
def test_the_image_carries_one_version_and_says_which(
    towpath: Towpath, world: EmbeddedWorld, engine: Engine, environment: Mapping[str, str]
) -> None:
    lock = Lock.parse(LOCK.read_text())
    wheels = wheelhouse(lock, print)

    done = towpath("build", f"{NAME}/2", "--tag", TAG, "--wheelhouse", str(wheels), "--json")

    model = world.artifacts / NAME / "models" / f"m-{NAME}2" / "artifacts"
    image = engine.image(TAG)
    assert image
    assert image.id == done.json["id"]
    assert image.labels[DIGEST] == done.json["digest"] == dir_hash(model)
    assert image.labels["org.opencontainers.image.title"] == image.labels["towpath.model"] == NAME
    assert image.labels["towpath.version"] == f"{NAME}/2"
    assert image.labels["towpath.lock-digest"] == lock.digest
    assert image.labels["towpath.commit"] == image.labels["org.opencontainers.image.revision"] != ""

    ask = (
        "import importlib.util as u, json, os, pathlib, sys; found = lambda name: u.find_spec(name) is not None; "
        "print(json.dumps({'uid': os.getuid(), 'pip': found('pip'), 'towpath': found('towpath'), "
        "'mlflow': found('mlflow'), 'compiled': len(list(pathlib.Path('/srv/app').rglob('*.pyc'))), "
        "'model': sorted(os.listdir('/srv/model')), "
        "'env': sorted(os.environ)}))"
    )
    inside = json.loads(engine.output(TAG, ["python", "-c", ask]))
    assert inside["uid"] == 10001
    assert not inside["pip"]
    assert not inside["towpath"]
    assert not inside["mlflow"]
    assert inside["compiled"] > 10
    assert inside["model"] == sorted(path.name for path in model.iterdir())
    assert not [name for name in inside["env"] if "proxy" in name.lower() or name.startswith(("PIP_", "MLFLOW_"))]

    # The engine's cache makes a second build of the same a matter of a second, and of the same image.
    again = towpath("build", f"{NAME}/2", "--tag", TAG, "--wheelhouse", str(wheels), "--json")
    assert again.json["id"] == image.id


@pytest.mark.docker
@pytest.mark.slow
def test_a_build_that_fails_is_told_with_the_end_of_its_output(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:3.11-slim\nRUN echo before && false\n")
    with pytest.raises(CouldNot, match=r"(?s)could not be built: .*returned a non-zero code.*before"):
        engine.build(tmp_path, TAG, {}, {}, print)
    assert engine.image(TAG) is None
