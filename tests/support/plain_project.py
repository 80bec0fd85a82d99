"""The least that a towpath.yaml says, for tests to build on: job titles are given a code."""

from __future__ import annotations

from typing import Any

DATA: dict[str, Any] = {
    "raw": "data/raw.csv",
    "inputs": [{"name": "text", "type": "string"}],
    "target": "code",
    "wave": "wave",
    "train_waves": ["base"],
}
SETTINGS: dict[str, Any] = {
    "schema": 1,
    "name": "occupation-coder",
    "task": "coding",
    "title": "Occupations",
    "owners": {},
    "scope": {},
    "data": DATA,
    "nomenclature": {"name": "SOC", "version": "2010", "file": "soc.csv"},
    "threshold": {"target": 0.9},
    "limits": {"accuracy": {"at_least": 0.5}},
    "examples": [{"text": "baker"}],
}
