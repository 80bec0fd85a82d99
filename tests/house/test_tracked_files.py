"""What must not be in the repository: traces of the machine it was made on, addresses of package indexes, secrets."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
BINARY = {".gz", ".bundle", ".png", ".parquet", ".skops", ".ico"}
# Where the documents and sources of this repository may point. A package index is not among them, by design:
# which index an office uses is the office's own setting.
MAY_POINT_TO = re.compile(
    # a word without a dot is nobody's host, and `[` begins none
    r"(?:[a-z_]+|\[|127\.0\.0\.\d+|0\.0\.0\.0|\[::1\]|.*\.(?:invalid|example|example\.org)(?:,\*)?"
    r"|in-toto\.io|www\.apache\.org|www\.w3\.org|mlflow\.org|dvc\.org|docs\.greatexpectations\.io|opencontainers\.org"
    r"|keepachangelog\.com|semver\.org|unece\.org|www\.ons\.gov\.uk|www\.nationalarchives\.gov\.uk|www\.census\.gov"
    r"|docs\.docker\.com|docs\.python\.org|json-schema\.org|unstats\.un\.org|github\.com|skops\.readthedocs\.io)"
)
ADDRESS = re.compile(r"\bhttps?://(?:[^/@\s\"'`]*@)?([^/:\s\"'`)>\]}{$\\…]+)")
MACHINE = re.compile(r"(?<![\w./~-])/(?:root|home/[a-z][\w-]*|Users/\w+)/")
SECRET = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\b(?:AKIA|ghp_|glpat-|pypi-)[A-Za-z0-9_-]{16,}")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def texts() -> dict[str, str]:
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in tracked()
        if path.suffix not in BINARY
    }


def found(pattern: re.Pattern[str]) -> list[str]:
    return sorted({f"{name}: {match[0]}" for name, text in texts().items() for match in pattern.finditer(text)})


def test_addresses_lead_only_to_places_that_were_thought_about() -> None:
    strangers = {
        f"{name}: {match[1]}"
        for name, text in texts().items()
        for match in ADDRESS.finditer(text)
        if not MAY_POINT_TO.fullmatch(match[1])
    }
    assert sorted(strangers) == []


def test_no_file_names_a_place_of_somebody_s_machine() -> None:
    assert found(MACHINE) == []
    assert found(re.compile(re.escape(str(ROOT)) + r"\b")) == [] or len(ROOT.parts) < 3


def test_no_file_holds_a_secret() -> None:
    assert found(SECRET) == []


def test_nothing_is_tracked_that_a_run_makes() -> None:
    made = re.compile(r"(^|/)(\.venv|build|dist|demo|__pycache__|mlruns|\.pytest_cache|\.DS_Store)(/|$)|\.pyc$|\.db$")
    assert [name for path in tracked() if made.search(name := path.relative_to(ROOT).as_posix())] == []


def test_no_tracked_file_is_large() -> None:
    assert [path.name for path in tracked() if path.stat().st_size > 2_000_000] == []


def test_scripts_can_be_run() -> None:
    scripts = [path for path in tracked() if path.read_bytes()[:2] == b"#!"]
    assert scripts
    assert [path.name for path in scripts if not path.stat().st_mode & 0o111] == []
