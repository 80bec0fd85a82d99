"""Writes that are whole or not there."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from towpath_core.errors import CouldNot, Misused


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary neighbour to write to; it takes `path`'s place when the block ends well, else it is removed.

    Raises: CouldNot when the folder or the disk does not take it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise CouldNot(f"cannot write {path}: {error.strerror}") from error
    part = Path(name)
    try:
        yield part
        part.chmod(0o644)
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        part.replace(path)
    except OSError as error:
        raise CouldNot(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    with written_whole(path) as part:
        part.write_text(text, encoding="utf-8")


def write_json(path: Path, content: object) -> None:
    """Indented, keys in the given order, no NaN."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path, what: str, *, unique: bool = False) -> Any:
    """Raise CouldNot if there is no such file, Misused if it is not JSON; `what` says what it should be.

    With `unique` an object that has a key twice is refused, too: of the two, JSON's readers forget the first.
    """
    try:
        pairs = _unique if unique else None
        return json.loads(path.read_bytes(), parse_constant=_no_constant, object_pairs_hook=pairs)
    except OSError as error:
        raise CouldNot(f"cannot read {what} {path}: {error.strerror}") from error
    except ValueError as error:
        raise Misused(f"{what} {path} is not JSON: {error}") from error
    except RecursionError:
        raise Misused(f"{what} {path} is nested too deeply") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)[:40]!r} stands twice in one object")
    return found
