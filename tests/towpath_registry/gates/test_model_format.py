from __future__ import annotations

from dataclasses import replace

from candidates import FORMAT, OTHER, good
from towpath_registry.gates import Candidate
from towpath_registry.gates.model_format import ModelFormat


def refusals(candidate: Candidate) -> list[str]:
    return [verdict.reason for verdict in ModelFormat().judge(candidate) if not verdict.passed]


def test_what_the_inspection_refuses_is_refused() -> None:
    no = replace(FORMAT[0], passed=False, subject="model.skops", got="with builtins.eval", expected="types we allow")
    assert refusals(good(format=(*FORMAT, no))) == ["model.skops is with builtins.eval, expected types we allow"]


def test_files_that_nobody_inspected_are_refused() -> None:
    assert refusals(good(format=())) == ["the inspection of the files is not there, expected at least one verdict"]


def test_files_that_are_not_the_registered_ones_are_refused() -> None:
    assert refusals(good(digest=OTHER)) == [
        "the digest of the files is sha256:eeeeeeeeeeee, expected sha256:dddddddddddd"
    ]


def test_a_version_registered_without_a_digest_is_refused() -> None:
    version = replace(good().version, digest="")
    assert refusals(good(version=version)) == [
        "the digest of the files is sha256:dddddddddddd, expected a digest at registration"
    ]
    assert refusals(good(version=version, digest="")) == [
        "the digest of the files is none, expected a digest at registration"
    ]
