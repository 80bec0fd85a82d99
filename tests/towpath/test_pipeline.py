"""What DVC is asked, what it answers, and how a stage's no reaches a person."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from towpath import pipeline
from towpath.project import Project, Settings
from towpath_core.errors import CouldNot, Misused, Refused
from towpath_registry import yamls

SETTINGS = """
schema: 1
name: tiny
task: tabular
title: A tiny pipeline
owners: {}
scope: {}
data: {raw: raw.txt, inputs: [{name: x, type: number}], target: y, wave: w, train_waves: ["1"]}
nomenclature: {name: n, version: "1", file: n.csv}
threshold: {target: 0.9}
limits: {accuracy: {at_least: 0.5}}
examples: [{x: 1}]
"""


def project(root: Path, **stages: str) -> Project:
    """A project with these stages, one after the other; each is Python that may use `open`."""
    (root / "towpath.yaml").write_text(SETTINGS)
    (root / ".dvc").mkdir()
    (root / ".dvc" / "config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    (root / "raw.txt").write_text("raw")
    lines, before = ["stages:"], "raw.txt"
    for name, code in stages.items():
        (root / f"{name}.py").write_text(textwrap.dedent(code))
        lines += [f"  {name}:", f"    cmd: python {name}.py", f"    deps: [{before}, {name}.py]"]
        lines += [f"    outs: [{name}.txt]"]
        before = f"{name}.txt"
    (root / "dvc.yaml").write_text("\n".join(lines) + "\n")
    return Project(root, yamls.read(root / "towpath.yaml", Settings, "the settings"))


def test_stages_run_once_and_are_unchanged_after(tmp_path: Path) -> None:
    tiny = project(tmp_path, one="open('one.txt', 'w').write('1')", two="open('two.txt', 'w').write('2')")
    said: list[str] = []
    first = pipeline.repro(tiny, on_line=said.append)
    assert first.stages == {"one": "run", "two": "run"}
    assert set(first.seconds) == {"one", "two"}
    assert any("one" in line and "running" in line for line in said)
    second = pipeline.repro(tiny)
    assert second.stages == {"one": "unchanged", "two": "unchanged"}
    assert not second.changed
    assert pipeline.outputs(pipeline.lock(tiny))["two.txt"].startswith("md5:")


def test_a_stage_that_says_no_is_a_refusal_with_its_own_words(tmp_path: Path) -> None:
    code = "import sys; sys.stderr.write('Error: three codes are unknown\\nNext:  towpath check\\n'); sys.exit(1)"
    with pytest.raises(Refused, match="the stage one said no: three codes are unknown") as caught:
        pipeline.repro(project(tmp_path, one=code))
    assert caught.value.hint == "towpath check"


def test_a_stage_that_breaks_is_no_refusal(tmp_path: Path) -> None:
    with pytest.raises(CouldNot, match="the stage one ended with 7"):
        pipeline.repro(project(tmp_path, one="import sys; sys.exit(7)"))


def test_missing_raw_data_name_the_next_command(tmp_path: Path) -> None:
    tiny = project(tmp_path, one="open('one.txt', 'w').write('1')")
    (tmp_path / "raw.txt").unlink()
    with pytest.raises(CouldNot, match="raw.txt") as caught:
        pipeline.repro(tiny)
    assert caught.value.hint == "dvc checkout; or dvc pull, if the project has a remote"


@pytest.mark.parametrize("name", ["dvc.yaml", "dvc.lock", "params.yaml"])
def test_a_broken_file_of_the_pipeline_is_told_by_name_and_line(tmp_path: Path, name: str) -> None:
    tiny = project(tmp_path, one="open('one.txt', 'w').write('1')")
    (tmp_path / name).write_text("stages:\n  one: [\n")
    with pytest.raises(Misused, match=rf"{name}, line 3: expected the node content"):
        pipeline.repro(tiny)


def test_a_parameter_that_is_missing_is_told_with_its_file(tmp_path: Path) -> None:
    tiny = project(tmp_path, one="open('one.txt', 'w').write('1')")
    with (tmp_path / "dvc.yaml").open("a") as file:
        file.write("    params: [train]\n")
    (tmp_path / "params.yaml").write_text("split: {}\n")
    with pytest.raises(CouldNot, match=r"train.*params\.yaml") as caught:
        pipeline.repro(tiny)
    assert caught.value.hint == "mend params.yaml, or git checkout params.yaml"


def test_a_lock_before_the_first_run_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CouldNot, match=r"dvc\.lock"):
        pipeline.lock(project(tmp_path))


def test_a_lock_that_names_nothing_is_refused(tmp_path: Path) -> None:
    tiny = project(tmp_path)
    (tmp_path / "dvc.lock").write_text("schema: '2.0'\n")
    with pytest.raises(Misused, match="names no stages"):
        pipeline.lock(tiny)


@pytest.mark.slow
def test_an_interrupt_ends_dvc_and_its_stage_and_the_next_run_completes(tmp_path: Path) -> None:
    waits = "import os, pathlib, time\npathlib.Path('pid').write_text(str(os.getpid()))\n"
    waits += "time.sleep(0 if os.path.exists('go') else 60)\nopen('one.txt', 'w').write('1')"
    tiny = project(tmp_path, one=waits)
    program = "from towpath import pipeline, project as p; pipeline.repro(p.load())"
    process = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, stderr=subprocess.PIPE)
    pid = _wait_for(tmp_path / "pid")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert not _runs(pid)
    assert not (tmp_path / "one.txt").exists()
    (tmp_path / "go").touch()
    assert pipeline.repro(tiny).stages == {"one": "run"}


def _wait_for(path: Path) -> int:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if path.exists() and (text := path.read_text()):
            return int(text)
        time.sleep(0.05)
    raise AssertionError(f"{path} never came")


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
