"""The installed packages against a lock file."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from towpath import environment
from towpath_core.errors import Misused, NotFound


def test_a_lock_of_what_is_installed_has_no_differences(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"numpy=={version('numpy')} \\\n    --hash=sha256:00\n")
    assert environment.differences(lock) == []


def test_another_version_and_a_missing_package_are_named(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("numpy==0.1 \\\n    --hash=sha256:00\nno-such-package==2.0 \\\n    --hash=sha256:00\n")
    first, second = environment.differences(lock)
    assert f"numpy is {version('numpy')} here and 0.1" in first
    assert "no-such-package is not installed here" in second


def test_a_line_for_another_python_does_not_count(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("numpy==0.1 ; python_full_version < '3.0' \\\n    --hash=sha256:00\n")
    assert environment.locked(lock) == {}


@pytest.mark.parametrize(
    "content", ["", "# nothing\n", "numpy==2.0\n", "numpy==2.0 \\\n    --hash=sha256:00\nscipy==1.0\n"]
)
def test_a_lock_that_locks_nothing_is_refused(tmp_path: Path, content: str) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(content)
    with pytest.raises(Misused, match="gives hashes for"):
        environment.locked(lock)


def test_a_missing_lock_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="requirements.lock is missing"):
        environment.locked(tmp_path / "requirements.lock")
