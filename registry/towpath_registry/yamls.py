"""The door to YAML: reads a file into a typed model, and says file, line and key when it cannot."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from towpath_core.errors import CouldNot, Misused


class Section(BaseModel):
    """A part of a YAML file: unknown keys are errors, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


S = TypeVar("S", bound=Section)


class _Loader(yaml.SafeLoader):
    """YAML 1.2's plain scalars: `no`, 0111 and 2020-01-01 stay text; null, true, false and numbers do not."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (as PyYAML declares it)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """At once and whole: an alias inside of what it names is an error, not a value that holds itself."""
        return super().construct_object(node, deep=True)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key is a list or a mapping", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key.value!r} stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|)$"), ["~", "n", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^-?(?:0|[1-9][0-9]*)$"), list("-0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:e[-+]?[0-9]+)?|e[-+]?[0-9]+)$"),
    list("-0123456789"),
)


# what pydantic adds to a key where a value may be of several kinds
_KINDS = re.compile(r"(?:float|int|bool|str)$|tuple\[|function-|constrained")


def load(path: Path, what: str) -> Any:
    """The file's content as plain values.

    Raises: CouldNot if it cannot be read, Misused with the line if it is not YAML.
    """
    return parse(_text(path, what), path)


def parse(text: str, path: Path) -> Any:
    """The content of a file that was read already. Raises: Misused with the line if it is not YAML."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 (a SafeLoader with fewer types)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise Misused(f"{path.name}{line}: {error.problem or error.context}", hint=f"mend {path}") from error
    except yaml.YAMLError as error:
        raise Misused(f"{path.name} is not YAML: {error}", hint=f"mend {path}") from error
    except RecursionError as error:
        raise Misused(f"{path.name} is nested too deeply", hint=f"mend {path}") from error


def flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Place (`split.seed`) to what stands there, of everything that is no mapping."""
    found: dict[str, Any] = {}
    for key, value in content.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


def read(path: Path, model: type[S], what: str) -> S:
    """The file as `model`. Raises as `load` does, and Misused with line and key for each value that does not fit."""
    content = load(path, what)
    if not isinstance(content, dict):
        raise Misused(f"{path.name} is empty or not a mapping of keys", hint=f"mend {path}")
    try:
        return model.model_validate(_tuples(content))
    except ValidationError as error:
        raise Misused(told(path, _faults(error).items()), hint=f"mend {path}") from error


def _text(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise CouldNot(f"cannot read {what} {path}: {error.strerror}", hint=f"ls {path.parent}") from error
    except UnicodeDecodeError as error:
        raise Misused(f"{path.name} is not UTF-8 text (byte {error.start})", hint=f"mend {path}") from error


def _tuples(content: Any) -> Any:
    """Lists as tuples, which is what the frozen models hold."""
    if isinstance(content, dict):
        return {key: _tuples(value) for key, value in content.items()}
    return tuple(_tuples(item) for item in content) if isinstance(content, list) else content


def told(path: Path, faults: Iterable[tuple[Sequence[str | int], str]]) -> str:
    """What does not fit in a file that `load` has read: each fault with its keys, in the order of their lines."""
    root = yaml.compose(path.read_text(encoding="utf-8"), Loader=_Loader)
    lines = []
    for keys, fault in faults:
        line = _line(root, keys) if keys else 0
        where = f"{path.name}, line {line}: {'.'.join(map(str, keys))}" if keys else path.name
        lines.append((line, f"{where}: {fault}"))
    return "\n       ".join(text for _, text in sorted(lines, key=lambda found: found[0]))


def _faults(error: ValidationError) -> dict[tuple[str | int, ...], str]:
    """Keys and what is told of them; of several kinds that would do, the first is told."""
    found: dict[tuple[str | int, ...], str] = {}
    for fault in error.errors(include_url=False, include_input=False):
        keys = tuple(key for key in fault["loc"] if not _KINDS.match(str(key)))
        found.setdefault(keys, _plain(fault["msg"]))
    return found


def _plain(message: str) -> str:
    known = {
        "Extra inputs are not permitted": "no such key",
        "Field required": "is missing",
        "Input should be a valid string": "expected text (put quotes around it)",
        "Input should be a valid tuple": "expected a list",
        "Input should be a valid dictionary": "expected keys with values",
        "Dictionary should have at least 1 item after validation, not 0": "is empty, expected one or more",
        "Tuple should have at least 1 item after validation, not 0": "is empty, expected one or more",
    }
    return known.get(message, message.removeprefix("Value error, ").replace("Input should be", "expected"))


def _line(node: yaml.Node | None, keys: Sequence[int | str]) -> int:
    """The line of the value at `keys`, or of the deepest part of it that exists."""
    line = node.start_mark.line + 1 if node else 1
    for key in keys:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == str(key)), None)
            if pair is None:
                return line
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
            line = node.start_mark.line + 1
    return line
