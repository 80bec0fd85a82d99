"""The door through which a trained model is written: skops, the same bytes for the same model.

skops names the members of its archive after memory addresses and dates them. Here members and ids are numbered in the
order in which the schema mentions them, so that a re-run that learns the same weights writes the same file.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from towpath_core.errors import Misused
from towpath_core.files import written_whole

_EPOCH = (1980, 1, 1, 0, 0, 0)
_ADDRESSES = frozenset({"_stop_words_id"})  # scikit-learn keeps a memory address here, only to save a second check


def save(model: Any, path: Path) -> None:
    """Write a fitted scikit-learn estimator. Raises: Misused for what is no classifier that gives probabilities."""
    import skops.io

    if not hasattr(model, "predict_proba") or not hasattr(model, "classes_"):
        raise Misused(
            f"a {type(model).__name__} gives no probabilities",
            hint="fit a classifier with predict_proba in src/…/train.py",
        )
    if model.classes_.dtype.kind != "U":
        raise Misused(
            f"the model's classes are {model.classes_.dtype}, expected text",
            hint="codes are strings: fit on labels as training_data() gives them",
        )
    buffer = io.BytesIO()
    skops.io.dump(model, buffer)
    with written_whole(path) as part:
        part.write_bytes(_reproducible(buffer.getvalue()))


def _reproducible(archive: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(archive)) as old:
        schema = json.loads(old.read("schema.json"))
        numbering = _Numbering()
        numbering.visit(schema)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as new:
            for before, after in numbering.members.items():
                _add(new, after, old.read(before))
            _add(new, "schema.json", json.dumps(schema, sort_keys=True, separators=(",", ":")).encode())
    return out.getvalue()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, date_time=_EPOCH)
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content, compress_type=zipfile.ZIP_DEFLATED, compresslevel=1)


class _Numbering:
    """Renames members and ids in place, in the order of their first mention.

    Plain values get one id for each content: whether two equal strings were one object differs from run to run.
    """

    def __init__(self) -> None:
        self.members: dict[str, str] = {}
        self._ids: dict[object, int] = {}

    def visit(self, node: Any) -> None:
        if isinstance(node, list):
            for item in node:
                self.visit(item)
        elif isinstance(node, dict):
            self._rename(node)
            for key in node:
                if key in _ADDRESSES and isinstance(node[key], dict):
                    node[key]["content"] = "0"
                self.visit(node[key])

    def _rename(self, node: dict[str, Any]) -> None:
        if "__id__" in node:
            same = ("json", node.get("content")) if node.get("__loader__") == "JsonNode" else ("object", node["__id__"])
            node["__id__"] = self._ids.setdefault(same, len(self._ids) + 1)
        if isinstance(node.get("file"), str):
            before = node["file"]
            node["file"] = self.members.setdefault(before, f"{len(self.members):04d}{Path(before).suffix}")
