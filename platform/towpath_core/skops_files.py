"""A skops archive read as data: nothing is imported, nothing is built.

One reading serves the judge and the loader, so that they cannot see two different models in one file. What is not
known is refused: another way to store a member, another node, another type, another attribute of a known type.
"""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from towpath_core import estimators
from towpath_core.estimators import PLATFORM, Array, Dtype, Estimator, ObjectArray, Span, Type, Types, Value

PROTOCOL = 2
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """How large an archive may become in memory; generous for a model, too small for a bomb.

    A member above `free_size` must not be more than `ratio` times larger than it is packed.
    """

    members: int = 20_000
    schema: int = 64 * MIB
    member: int = 512 * MIB
    total: int = 1024 * MIB
    free_size: int = 64 * MIB
    ratio: int = 200
    nodes: int = 3_000_000
    depth: int = 60
    json_text: int = MIB


class Unfit(Exception):
    """Why a file may not be loaded: what was looked at, what was got, what was expected."""

    def __init__(self, subject: str, got: str, expected: str) -> None:
        super().__init__(f"{subject} is {got}, expected {expected}")
        self.subject, self.got, self.expected = subject, got, expected


@dataclass(frozen=True, slots=True)
class Archive:
    """The model that an archive describes; `member` reads the bytes of one of its arrays."""

    model: Estimator
    estimators: tuple[str, ...]
    nodes: int
    _zip: zipfile.ZipFile

    def member(self, name: str) -> bytes:
        return self._zip.read(name)


def read(content: bytes, limits: Limits = Limits(), types: Types = PLATFORM) -> Archive:
    """Raise Unfit for whatever is not plainly a model of these types."""
    try:
        return _read(content, limits, types)
    except Unfit:
        raise
    except Exception as error:  # whatever trips the reader is a reason to refuse
        raise Unfit("the archive", f"malformed ({type(error).__name__})", "a skops file") from error


def _read(content: bytes, limits: Limits, types: Types) -> Archive:
    if types.doubt:
        raise Unfit("the list of types", types.doubt, "one that somebody has reviewed")
    archive = _opened(content, limits)
    schema = _schema(archive)
    reader = _Reader(archive, limits, types)
    model = reader.value(schema, 0)
    if not isinstance(model, Estimator):
        raise Unfit("the archive's content", "no estimator", "an estimator of the platform's list")
    stored = set(archive.namelist()) - {"schema.json"}
    if stored != reader.arrays.keys():
        raise Unfit("the archive", "members that the schema does not mention", "each member mentioned")
    return Archive(model, tuple(sorted(reader.estimators)), reader.nodes, archive)


# The container -------------------------------------------------------------------------------------------------------

_MEMBER = re.compile(r"[0-9]{1,20}\.npy")
_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


def _opened(content: bytes, limits: Limits) -> zipfile.ZipFile:
    """The archive, if each of its bytes belongs to a member, to the directory, or to the end record, in this order."""
    if content[:4] != _LOCAL:
        raise Unfit("the file", "no zip archive from its first byte on", "a skops file")
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except zipfile.BadZipFile as error:
        raise Unfit("the file", "a broken zip archive", "a skops file") from error
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if len(entries) > limits.members:
        raise Unfit("the archive", f"{len(entries)} members", f"at most {limits.members}")
    if len(set(names)) != len(names):
        raise Unfit("the archive", "two members of one name", "each name once")
    for entry in entries:
        _check_entry(entry, limits)
    if sum(entry.file_size for entry in entries) > limits.total:
        raise Unfit("the archive", "too large when unpacked", f"at most {limits.total // MIB} MiB")
    _check_layout(content, entries, archive.start_dir)
    if "schema.json" not in names:
        raise Unfit("the archive", "without a schema.json", "a skops file")
    if archive.getinfo("schema.json").file_size > limits.schema:
        raise Unfit("schema.json", "too large", f"at most {limits.schema // MIB} MiB")
    return archive


def _check_entry(entry: zipfile.ZipInfo, limits: Limits) -> None:
    if entry.filename != "schema.json" and not _MEMBER.fullmatch(entry.filename):
        raise Unfit("a member's name", repr(entry.filename[:60]), "a number and .npy, or schema.json")
    if entry.flag_bits or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Unfit(entry.filename, "encrypted or packed in an unusual way", "stored or deflated")
    packed_hard = entry.file_size > limits.ratio * max(1, entry.compress_size)
    if entry.file_size > limits.member or (entry.file_size > limits.free_size and packed_hard):
        got = f"{entry.compress_size} bytes that unpack to {entry.file_size}"
        raise Unfit(entry.filename, got, f"at most {limits.member // MIB} MiB and {limits.ratio} times")


def _check_layout(content: bytes, entries: list[zipfile.ZipInfo], directory: int) -> None:
    """No gap, no overlap, nothing before, nothing behind: another reader finds the same members."""
    position = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        mark, flags, method, packed, size, name, extra = struct.unpack_from("<4s2xHH8xIIHH", content, position)
        same = (flags, method, packed, size) == (0, entry.compress_type, entry.compress_size, entry.file_size)
        if entry.header_offset != position or mark != _LOCAL or not same or extra or entry.extra or entry.comment:
            raise Unfit(
                "the archive", "laid out in an unusual way", "members one behind the other, each described once"
            )
        position += 30 + name + packed
    mark, here, total, size, offset, comment = struct.unpack("<4s4xHHIIH", content[-22:])
    end = directory + size + 22
    if (position, mark, offset, here, total, comment, end) != (
        directory, _END, directory, len(entries), len(entries), 0, len(content)
    ):  # fmt: skip
        raise Unfit(
            "the archive", "followed or preceded by something else", "an archive from the first byte to the last"
        )


def _schema(archive: zipfile.ZipFile) -> dict[str, Any]:
    try:
        schema = json.loads(archive.read("schema.json"), object_pairs_hook=unique, parse_constant=_no_constant)
    except RecursionError:
        raise Unfit("schema.json", "nested too deeply", "a skops schema") from None
    except ValueError as error:
        raise Unfit("schema.json", f"no strict JSON ({error})"[:120], "a skops schema") from error
    if not isinstance(schema, dict):
        raise Unfit("schema.json", "no object", "a skops schema")
    protocol, version = schema.pop("protocol", None), schema.pop("_skops_version", None)
    if type(protocol) is not int or protocol != PROTOCOL or type(version) is not str:
        raise Unfit("the archive's protocol", f"{protocol!r}"[:40], str(PROTOCOL))
    return schema


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """For json.loads: an object whose keys stand once. Raises: ValueError."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


# The nodes -----------------------------------------------------------------------------------------------------------

_CONSTANTS = {name: float(name) for name in ("NaN", "Infinity", "-Infinity")}
_PLAIN = json.JSONDecoder(parse_constant=_CONSTANTS.__getitem__)
_BUILTIN_TYPES = {Type("builtins", name) for name in ("str", "int", "float", "bool")}
_NUMBER_TYPES = {Type("numpy", name) for name in ("float32", "float64", "int32", "int64")}
_SCALARS = {"float32": "f", "float64": "f", "int32": "i", "int64": "i", "bool": "b", "bool_": "b", "str_": "U"}
_HEADER = re.compile(
    r"\{'descr': '([<|])([biufU])(\d{1,6})', 'fortran_order': (?:True|False), 'shape': \(((?:\d+(?:, )?)*),?\), \} *\n"
)


@dataclass(slots=True)
class _Reader:
    """Turns nodes into values, as skops would: a node whose id was seen is the object seen first."""

    archive: zipfile.ZipFile
    limits: Limits
    types: Types
    nodes: int = 0
    arrays: dict[str, Array] = field(default_factory=dict)
    estimators: set[str] = field(default_factory=set)
    seen: dict[int, Value] = field(default_factory=dict)

    def value(self, node: Any, depth: int) -> Value:
        self.nodes += 1
        if depth > self.limits.depth or self.nodes > self.limits.nodes:
            raise Unfit("schema.json", "nested too deeply or too large", f"at most {self.limits.depth} levels")
        if not isinstance(node, dict):
            raise Unfit("a node", f"a {type(node).__name__}", "an object")
        loader, module, name = node.get("__loader__"), node.get("__module__"), node.get("__class__")
        if not (isinstance(loader, str) and isinstance(module, str) and isinstance(name, str)):
            raise Unfit("a node", "without loader, module and class", "a skops node")
        if loader not in _NODES:
            raise Unfit("a node", f"a {loader[:60]} ({module}.{name})"[:160], f"one of {', '.join(_NODES)}")
        expected, reads = _NODES[loader]
        found = node.keys() - {"__loader__", "__module__", "__class__", "__id__"}
        if found not in expected:
            raise Unfit(
                f"a {loader}", f"an object with {', '.join(sorted(found))[:80]}", "the fields that skops writes"
            )
        value = reads(self, node, Type(module, name), depth + 1)
        return self._remembered(node.get("__id__"), value)

    def _remembered(self, number: Any, value: Value) -> Value:
        if type(number) is not int or number <= 0:
            raise Unfit("a node's id", f"a {type(number).__name__}", "a positive number")
        first = self.seen.setdefault(number, value)
        if first is not value and not first == value:
            raise Unfit("a node's id", "used for two different objects", "one object")
        return first

    def read_json(self, node: dict[str, Any], type_: Type, depth: int) -> Value:
        _expect("a plain value", type_, Type("builtins", "str"))
        content = node["content"]
        if not isinstance(content, str) or node["is_json"] is not True or len(content) > self.limits.json_text:
            raise Unfit("a plain value", "no JSON text of sensible length", "a number, a text, true, false or null")
        value = _PLAIN.decode(content)
        if isinstance(value, dict | list):
            raise Unfit("a plain value", f"a {type(value).__name__}", "a number, a text, true, false or null")
        return value

    def read_list(self, node: dict[str, Any], type_: Type, depth: int) -> list[Value]:
        _expect("a list", type_, Type("builtins", "list"))
        return self._items(node["content"], depth)

    def read_tuple(self, node: dict[str, Any], type_: Type, depth: int) -> tuple[Value, ...]:
        _expect("a tuple", type_, Type("builtins", "tuple"))
        return tuple(self._items(node["content"], depth))

    def read_dict(self, node: dict[str, Any], type_: Type, depth: int) -> dict[Any, Value]:
        _expect("a dictionary", type_, Type("builtins", "dict"))
        content, types = node["content"], self.value(node["key_types"], depth)
        if not isinstance(content, dict) or not isinstance(types, list) or len(types) != len(content):
            raise Unfit("a dictionary", "without a type for each key", "a skops dictionary")
        values = [self.value(item, depth) for item in content.values()]
        keys = [_key(type_, key) for type_, key in zip(types, content, strict=True)]
        return dict(zip(keys, values, strict=True))

    def read_type(self, node: dict[str, Any], type_: Type, depth: int) -> Type:
        if type_ not in _BUILTIN_TYPES | _NUMBER_TYPES:
            raise _unlisted(type_)
        return type_

    def read_dtype(self, node: dict[str, Any], type_: Type, depth: int) -> Dtype:
        _expect("a column type", type_, Type("numpy", "dtype"))
        content = self.value(node["content"], depth)
        if isinstance(content, ObjectArray):
            return Dtype("O")
        if isinstance(content, Array):
            return Dtype(content.dtype)
        raise Unfit("a column type", "not described by an array", "a numpy type")

    def read_span(self, node: dict[str, Any], type_: Type, depth: int) -> Span:
        _expect("a slice", type_, Type("builtins", "slice"))
        content = node["content"]
        if not isinstance(content, dict) or content.keys() != {"start", "stop", "step"}:
            raise Unfit("a slice", "without start, stop and step", "a skops slice")
        if any(part is not None and type(part) is not int for part in content.values()):
            raise Unfit("a slice", "not made of whole numbers", "a skops slice")
        return Span(content["start"], content["stop"], content["step"])

    def read_array(self, node: dict[str, Any], type_: Type, depth: int) -> Array | ObjectArray:
        scalar = type_.name if type_ != Type("numpy", "ndarray") else ""
        if type_.module != "numpy" or (scalar and scalar not in _SCALARS):
            raise _unlisted(type_)
        if node.get("type") == "json" and not scalar and "content" in node:
            items = self._items(node["content"], depth)
            return ObjectArray(tuple(items), _shape(self.value(node["shape"], depth), len(items)))
        if node.get("type") != "numpy" or not isinstance(node.get("file"), str):
            raise Unfit("an array", "neither a member nor a list", "a skops array")
        found = self._member(node["file"])
        if scalar and (found.shape or found.dtype[1] != _SCALARS[scalar]):
            raise Unfit("a number", "an array", "a single number")
        return found

    def read_estimator(self, node: dict[str, Any], type_: Type, depth: int) -> Estimator:
        if type_ not in estimators.ALLOWED:
            raise _unlisted(type_)
        if type_ not in self.types.names:
            raise Unfit("a type", str(type_), "a type that the policy allows")
        attributes = self.value(node["content"], depth)
        if not isinstance(attributes, dict):
            raise Unfit(type_.name, "without attributes", "a fitted estimator")
        found = Estimator(type_, attributes)
        if fault := estimators.fault(found):
            raise Unfit(f"{type_.name}'s {fault.attribute}"[:100], fault.got, fault.expected)
        self.estimators.add(f"{type_.module}.{type_.name}")
        return found

    def _items(self, content: Any, depth: int) -> list[Value]:
        if not isinstance(content, list):
            raise Unfit("a list", f"a {type(content).__name__}", "a skops list")
        return [self.value(item, depth) for item in content]

    def _member(self, name: str) -> Array:
        if name not in self.arrays:
            if not _MEMBER.fullmatch(name) or name not in self.archive.namelist():
                raise Unfit("an array's member", "not in the archive", "a member of the archive")
            with self.archive.open(name) as stream:
                start = stream.read(4096)
            self.arrays[name] = _described(name, start, self.archive.getinfo(name).file_size)
        return self.arrays[name]


_Node = Callable[[_Reader, dict[str, Any], Type, int], Value]
# loader: (the fields that skops writes beside loader, module, class and id; how it is read)
_NODES: dict[str, tuple[tuple[set[str], ...], _Node]] = {
    "JsonNode": (({"content", "is_json"},), _Reader.read_json),
    "ListNode": (({"content"},), _Reader.read_list),
    "TupleNode": (({"content"},), _Reader.read_tuple),
    "DictNode": (({"content", "key_types"},), _Reader.read_dict),
    "TypeNode": ((set(),), _Reader.read_type),
    "DTypeNode": (({"content"},), _Reader.read_dtype),
    "SliceNode": (({"content"},), _Reader.read_span),
    "NdArrayNode": (({"type", "file"}, {"type", "content", "shape"}), _Reader.read_array),
    "ObjectNode": (({"content"},), _Reader.read_estimator),
}


def _expect(what: str, got: Type, expected: Type) -> None:
    if got != expected:
        raise Unfit(what, f"a {got}"[:160], f"a {expected}")


def _unlisted(type_: Type) -> Unfit:
    return Unfit("a type", str(type_)[:160], "a type on the platform's list")


def _key(type_: Value, text: str) -> Any:
    if type_ == Type("builtins", "str"):
        return text
    if type_ == Type("builtins", "int") and re.fullmatch(r"-?[0-9]{1,18}", text):
        return int(text)
    raise Unfit("a dictionary's key", "no text and no whole number", "a text or a whole number")


def _shape(value: Value, items: int) -> tuple[int, ...]:
    if not isinstance(value, tuple) or not all(type(part) is int and part >= 0 for part in value) or value != (items,):
        raise Unfit("an array of objects", "not one row of them", "one row")
    return (items,)


def _described(name: str, start: bytes, size: int) -> Array:
    """What the header of a .npy member says, if its bytes are exactly the array that it describes."""
    if start[:8] != b"\x93NUMPY\x01\x00":
        raise Unfit(name, "no .npy file of version 1", "an array")
    length = 10 + int.from_bytes(start[8:10], "little")
    header = start[10:length].decode("latin-1")
    parts = _HEADER.fullmatch(header)
    if parts is None:
        got = "an array of objects (pickle inside)" if "'|O'" in header else "an array of another kind"
        raise Unfit(name, got, "numbers, truth values or texts")
    order, kind, width, shape = parts.groups()
    dimensions = tuple(int(part) for part in shape.split(", ") if part)
    total = int(width) * (4 if kind == "U" else 1)
    for dimension in dimensions:
        total *= dimension
    empty = int(width) == 0 and any(dimensions)
    if length + total != size or len(dimensions) > 4 or empty:
        raise Unfit(name, f"{size} bytes long", f"{length + total} bytes, as its header says")
    return Array(name, f"{order}{kind}{width}", dimensions)
