"""The folder of a packaged model: what may lie in it, and whether it may be loaded.

Decided by allow-list, before anything is imported or built: known files only, an MLmodel that names nothing but the
skops file beside it, and a skops file of the platform's types (`skops_files`, `estimators`). What the artefact says
about its own trustworthiness counts for nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from towpath_core import manifest as manifests
from towpath_core import skops_files
from towpath_core.digests import sha256_bytes
from towpath_core.errors import CouldNot, Misused, Refused
from towpath_core.estimators import PLATFORM, Types
from towpath_core.manifest import Manifest
from towpath_core.skops_files import Archive, Unfit
from towpath_core.verdicts import Verdict

GATE = "model-format"
MODEL, MLMODEL, EXAMPLE, EXPECTED, LOCK = (
    "model.skops",
    "MLmodel",
    "input_example.json",
    "expected.json",
    "requirements.txt",
)
_MIB = 1 << 20
_LONGEST = 100_000  # characters of one text
# Every file that a model's folder may hold, with the most bytes that it may have.
FILES: Mapping[str, int] = {
    MLMODEL: _MIB,
    MODEL: 512 * _MIB,
    manifests.FILE: 16 * _MIB,
    EXAMPLE: _MIB,
    EXPECTED: 4 * _MIB,
    LOCK: 4 * _MIB,
    "python_env.yaml": _MIB,
    "MODEL_CARD.md": 4 * _MIB,
    "nomenclature.csv": 64 * _MIB,
}
REQUIRED = (MLMODEL, manifests.FILE, MODEL)
_MLFLOW_TYPES = {"string": "string", "category": "string", "number": "double"}
_CONTROL = bytes({*range(32), 127} - set(b"\t\n\r\f"))
# skops itself leaves numpy's type objects to the reader; MLflow's own loader needs to be told.
_TRUSTED = ["numpy.dtype"]


def mlmodel(manifest: Manifest) -> dict[str, Any]:
    """The content of MLmodel for a model of this manifest, so that `mlflow.pyfunc.load_model` loads the folder.

    To be written as JSON, which is YAML as well: then the standard library can read it back.
    """
    inputs = [
        {"type": _MLFLOW_TYPES[field.type], "name": field.name, "required": field.required} for field in manifest.inputs
    ]
    outputs = [{"type": "tensor", "tensor-spec": {"dtype": "str", "shape": [-1]}}]
    return {
        "flavors": {
            "python_function": {
                "loader_module": "mlflow.sklearn",
                "model_path": MODEL,
                "predict_fn": "predict",
                "python_version": ".".join(str(part) for part in sys.version_info[:3]),
            },
            "sklearn": {
                "pickled_model": MODEL,
                "serialization_format": "skops",
                "sklearn_version": _installed("scikit-learn"),
                "skops_trusted_types": _TRUSTED,
            },
        },
        "saved_input_example_info": {"artifact_path": EXAMPLE, "type": "json_object"},
        "signature": {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs), "params": None},
    }


def inspect(folder: Path, types: Types = PLATFORM) -> list[Verdict]:
    """Whether the folder may be loaded: one verdict each for its files, MLmodel, manifest and model of these types.

    Raises: CouldNot for what cannot be read.
    """
    try:
        files = _read(folder)
    except Unfit as no:
        return [_no(no)]
    return examine(files, types)[0]


def examine(files: Mapping[str, bytes], types: Types = PLATFORM) -> tuple[list[Verdict], Archive | None]:
    """As `inspect`, for a folder that was read; the archive is there to be built if every verdict is a pass."""
    if missing := [name for name in REQUIRED if name not in files]:
        return [_no(Unfit("the folder", f"without {', '.join(missing)}", ", ".join(REQUIRED)))], None
    verdicts = [
        _check_texts(files),
        _judged(files[MLMODEL], _check_mlmodel),
        _judged(files[manifests.FILE], _check_manifest),
    ]
    try:
        archive = skops_files.read(files[MODEL], types=types)
    except Unfit as no:
        return [*verdicts, _no(no)], None
    kinds = ", ".join(sorted({name.rpartition(".")[2] for name in archive.estimators}))
    made = Verdict(GATE, True, MODEL, f"skops, made of {kinds}", "skops, made of types on the platform's list")
    return [*verdicts, made], archive


def read(folder: Path) -> dict[str, bytes]:
    """Every file's bytes by name. Raises: Refused for what may not lie there, CouldNot for what cannot be read."""
    try:
        return _read(folder)
    except Unfit as no:
        raise Refused(str(no)) from no


def digest(files: Mapping[str, bytes]) -> str:
    """What `digests.dir_hash` says of the folder that was read."""
    order = sorted(files, key=str.encode)
    return sha256_bytes("".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in order).encode())


def _read(folder: Path) -> dict[str, bytes]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise CouldNot(f"cannot read the model's folder {folder}: {error.strerror}") from error
    found = {}
    for entry in entries:
        if entry.name not in FILES:
            raise Unfit("the folder", f"with {entry.name!r} in it"[:100], f"known files only: {', '.join(FILES)}")
        found[entry.name] = _content(Path(entry.path), FILES[entry.name])
    return found


def _content(path: Path, limit: int) -> bytes:
    """Without following a link, and without trusting the size that the folder tells."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        if path.is_symlink():
            raise Unfit(path.name, "a link", "a plain file") from error
        raise CouldNot(f"cannot read {path}: {error.strerror}") from error
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Unfit(path.name, "no plain file", "a plain file")
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise Unfit(path.name, f"more than {limit} bytes", f"at most {limit}")
    return content


def _judged(content: bytes, check: Callable[[bytes], Verdict]) -> Verdict:
    try:
        return check(content)
    except Unfit as no:
        return _no(no)


def _no(no: Unfit) -> Verdict:
    return Verdict(GATE, False, no.subject, no.got, no.expected)


def _check_texts(files: Mapping[str, bytes]) -> Verdict:
    """What nobody loads must not be loadable either: everything beside the model is text."""
    for name in files.keys() - {MODEL, MLMODEL, manifests.FILE}:
        try:
            files[name].decode()
        except UnicodeDecodeError:
            return _no(Unfit(name, "no text", "UTF-8 text"))
        if len(files[name].translate(None, _CONTROL)) < len(files[name]):
            return _no(Unfit(name, "text with control characters", "plain text"))
    return Verdict(GATE, True, "the folder", f"{len(files)} known files", "known files only")


def _check_mlmodel(content: bytes) -> Verdict:
    found = _strict_json(content, MLMODEL)
    expected = {"flavors", "saved_input_example_info", "signature"}
    _same_keys(found, expected, MLMODEL)
    _same_keys(found["flavors"], {"python_function", "sklearn"}, "MLmodel's flavors")
    function, sklearn = found["flavors"]["python_function"], found["flavors"]["sklearn"]
    _same_keys(function, {"loader_module", "model_path", "predict_fn", "python_version"}, "python_function")
    _same_keys(sklearn, {"pickled_model", "serialization_format", "sklearn_version", "skops_trusted_types"}, "sklearn")
    example = found["saved_input_example_info"]
    _same_keys(example, {"artifact_path", "type"}, "saved_input_example_info")
    _same(function["loader_module"], "mlflow.sklearn", "python_function.loader_module")
    _same(function["model_path"], MODEL, "python_function.model_path")
    _same(function["predict_fn"], "predict", "python_function.predict_fn")
    _same(sklearn["pickled_model"], MODEL, "sklearn.pickled_model")
    _same(sklearn["serialization_format"], "skops", "sklearn.serialization_format")
    _same(sklearn["skops_trusted_types"], _TRUSTED, "sklearn.skops_trusted_types")
    _same(example["artifact_path"], EXAMPLE, "saved_input_example_info.artifact_path")
    return Verdict(GATE, True, MLMODEL, "mlflow.sklearn with skops", "mlflow.sklearn with skops, and no code")


def _check_manifest(content: bytes) -> Verdict:
    _strict_json(content, manifests.FILE)
    try:
        found = Manifest.parse(content)
    except Misused as error:
        raise Unfit(manifests.FILE, error.message, "a manifest") from error
    _same(found.threshold.score, "p1", "threshold.score")
    stated: list[Any] = [found.name, found.task, found.target]
    if not all(isinstance(part, str) and part for part in stated):
        raise Unfit("the manifest's name, task and target", "no texts", "texts")
    names: list[Any] = [field.name for field in found.inputs]
    whole: list[Any] = [found.top, *found.levels, *(field.max_length for field in found.inputs)]
    if len(set(names)) != len(names) or not all(isinstance(name, str) and name for name in names):
        raise Unfit("the manifest's inputs", "not named each by one name", "a name for each")
    if not all(type(part) is int and part > 0 for part in whole) or found.top > 100:
        raise Unfit("the manifest's levels, lengths and top", "no whole numbers above 0", "whole numbers above 0")
    if any(field.max_length > _LONGEST for field in found.inputs):
        raise Unfit("the manifest's max_length", "too large", f"at most {_LONGEST} characters")
    return Verdict(GATE, True, manifests.FILE, f"a manifest of {len(names)} inputs", "a manifest")


def _strict_json(content: bytes, what: str) -> Any:
    try:
        return json.loads(content.decode(), object_pairs_hook=skops_files.unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Unfit(what, f"no strict JSON ({type(error).__name__})", "JSON with each key once") from error


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _same_keys(found: Any, expected: set[str], what: str) -> None:
    keys = set(found) if isinstance(found, dict) else {type(found).__name__}
    if keys != expected:
        extra, lacking = sorted(keys - expected), sorted(expected - keys)
        got = f"with {', '.join(extra)}" if extra else f"without {', '.join(lacking)}"
        raise Unfit(what, got[:120], f"exactly {', '.join(sorted(expected))}")


def _same(found: Any, expected: Any, what: str) -> None:
    if type(found) is not type(expected) or found != expected:
        raise Unfit(what, repr(found)[:100], repr(expected))


def _installed(distribution: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""
