"""The locks: exact versions, hashes, and no word about where packages are fetched from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = {"all": ROOT / "requirements.lock", "serving": ROOT / "platform/towpath/serving.lock"}
PIN = re.compile(r"([a-z0-9][a-z0-9._-]*)==([^ /:]+)(?: ; [^/:]*)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")


def pins(lock: Path) -> dict[str, str]:
    return {match[1]: match[2] for line in lock.read_text().splitlines() if (match := PIN.fullmatch(line))}


def wanted(*extras: str) -> list[Requirement]:
    lines = [line for extra in extras for line in PROJECT["optional-dependencies"][extra]]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize("lock", LOCKS.values(), ids=LOCKS.keys())
def test_a_lock_is_names_versions_and_hashes_and_nothing_else(lock: Path) -> None:
    lines = lock.read_text().splitlines()
    assert [line for line in lines if not PIN.fullmatch(line) and not HASH.fullmatch(line)] == []


@pytest.mark.parametrize("lock", LOCKS.values(), ids=LOCKS.keys())
def test_every_package_of_a_lock_has_one_version_and_a_hash(lock: Path) -> None:
    lines = lock.read_text().splitlines()
    named = [match[1] for line in lines if (match := PIN.fullmatch(line))]
    assert len(named) == len(set(named))
    followers = [lines[at + 1] for at, line in enumerate(lines) if PIN.fullmatch(line)]
    assert all(HASH.fullmatch(line) for line in followers)


def test_everything_declared_is_locked_at_a_version_that_fits() -> None:
    locked = pins(LOCKS["all"])
    declared = [Requirement(line) for line in PROJECT["dependencies"]] + wanted("dev", "bench", "serve")
    for asked in declared:
        assert asked.specifier.contains(locked[canonicalize_name(asked.name)], prereleases=True), asked


def test_mlflow_is_pinned_exactly_and_nothing_else_is() -> None:
    exact = [line for line in PROJECT["dependencies"] if "==" in line]
    assert exact == ["mlflow==3.17.2"]
    assert pins(LOCKS["all"])["mlflow"] == "3.17.2"


def test_an_image_gets_the_versions_that_a_model_was_trained_with() -> None:
    everything, serving = pins(LOCKS["all"]), pins(LOCKS["serving"])
    assert {name: everything[name] for name in serving} == serving


def test_an_image_carries_none_of_the_tools_that_make_models() -> None:
    serving = pins(LOCKS["serving"])
    assert {canonicalize_name(asked.name) for asked in wanted("serve")} <= set(serving)
    makers = {"mlflow", "dvc", "great-expectations", "copier", "docker", "matplotlib", "jinja2", "pydantic", "pyarrow"}
    assert not makers & set(serving)


def test_what_an_image_needs_is_part_of_what_towpath_needs() -> None:
    assert set(PROJECT["optional-dependencies"]["serve"]) <= set(PROJECT["dependencies"])
