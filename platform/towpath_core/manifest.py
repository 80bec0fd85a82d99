"""What a packaged model says of itself: `towpath.json` in the model's folder.

Evaluation, registry, scoring and the image all read it from here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from towpath_core.errors import Misused
from towpath_core.files import read_json, write_json

FILE = "towpath.json"
SCHEMA = 1
INPUT_TYPES = ("string", "number", "category")


@dataclass(frozen=True, slots=True)
class Field:
    """One input column: its name, `string`, `number` or `category`, and whether a record may lack it.

    `categories` are the values that training saw (category only); others are scored, and reported as unseen.
    """

    name: str
    type: str
    required: bool = True
    max_length: int = 1000
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Threshold:
    """From which score on an answer counts without a person; `value` None: nothing is decided automatically.

    `score` names how the score is made (p1: the probability of the first answer): a threshold means nothing without it.
    `target` is the accuracy that the automatically decided records were to reach.
    """

    value: float | None
    score: str = "p1"
    target: float = 0.9


@dataclass(frozen=True, slots=True)
class Manifest:
    """The model's task, its inputs, what it answers, and from which score on."""

    name: str
    task: str
    target: str
    inputs: tuple[Field, ...]
    levels: tuple[int, ...]
    threshold: Threshold
    nomenclature: Mapping[str, str]
    top: int = 5

    def write(self, folder: Path) -> None:
        write_json(folder / FILE, {"schema": SCHEMA, **asdict(self)})

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Raise CouldNot if it is not there, Misused if it is not a manifest of this schema."""
        path = folder / FILE
        return _checked(read_json(path, "the model's manifest"), str(path))

    @classmethod
    def parse(cls, content: bytes) -> Manifest:
        """As `read`, from bytes that were read already. Raises: Misused."""
        try:
            found = json.loads(content)
        except ValueError as error:
            raise Misused(f"{FILE} is not JSON: {error}") from error
        return _checked(found, FILE)


def _checked(content: Any, where: str) -> Manifest:
    try:
        return _manifest(content)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Misused(f"{where} is not a manifest of schema {SCHEMA}: {error}") from error


def _manifest(content: Any) -> Manifest:
    if not isinstance(content, dict) or content.pop("schema", None) != SCHEMA:
        raise ValueError(f"expected an object with schema {SCHEMA}")
    inputs = tuple(Field(**{**f, "categories": tuple(f.get("categories", ()))}) for f in content.pop("inputs"))
    if not inputs or any(field.type not in INPUT_TYPES for field in inputs):
        raise ValueError(f"inputs need a type of {', '.join(INPUT_TYPES)}")
    threshold = Threshold(**content.pop("threshold"))
    value: object = threshold.value
    if value is not None and (type(value) not in (int, float) or not math.isfinite(threshold.value or 0)):
        raise ValueError("the threshold is not a number")
    return Manifest(inputs=inputs, levels=tuple(content.pop("levels")), threshold=threshold, **content)
