"""A project can take over a later version of its template."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from towpath import scaffold


@pytest.mark.slow
def test_a_later_version_is_merged_into_what_the_project_changed(repository: Path, tmp_path: Path) -> None:
    template = scaffold.find("coding", scaffold.shelf())
    project = scaffold.scaffold(template, "coder", {"title": "Mine"}, folder=tmp_path / "coder", ask=False).path
    params = project / "params.yaml"
    params.write_text(params.read_text(encoding="utf-8").replace("passes: 8", "passes: 9"), encoding="utf-8")
    _git(project, "commit", "--all", "--quiet", "-m", "Nine passes")

    later = shutil.copytree(template.shelf, tmp_path / "shelf")
    readme = later / "coding/README.md.jinja"
    readme.write_text(readme.read_text(encoding="utf-8") + "\nNew in {{ name }}: a line.\n", encoding="utf-8")
    build = [sys.executable, str(repository / "templates/bundle.py"), "--shelf", str(later), "build", "coding", "1.1.0"]
    subprocess.run(build, check=True, capture_output=True)

    with scaffold.found_at(scaffold.find("coding", later)):
        from copier import Settings, run_update

        run_update(project, defaults=True, overwrite=True, quiet=True, settings=Settings())

    assert "passes: 9" in params.read_text(encoding="utf-8")
    assert (project / "README.md").read_text(encoding="utf-8").endswith("\nNew in coder: a line.\n")
    answers = (project / ".copier-answers.yml").read_text(encoding="utf-8")
    assert "_commit: v1.1.0\n" in answers
    assert f"_src_path: {template.address}\n" in answers
    assert "title: Mine\n" in answers
    assert _git(project, "diff", "--name-only").split() == [".copier-answers.yml", "README.md"]


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout
