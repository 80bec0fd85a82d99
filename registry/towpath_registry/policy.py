"""Which levels there are, and what each one asks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from towpath_core.errors import Misused
from towpath_registry import gates
from towpath_registry.gates import Gate
from towpath_registry.nouns import LEVELS


@dataclass(frozen=True, slots=True)
class Level:
    """An alias that moves only through its gates; `after` names the level that a version must have stood at before."""

    name: str
    gates: Mapping[str, Gate]
    after: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """The levels in force. It belongs to the registry, never to the model that it judges."""

    name: str
    levels: tuple[Level, ...]

    def level(self, name: str) -> Level:
        """Raise Misused for a level that the policy does not have."""
        found = [level for level in self.levels if level.name == name]
        if found:
            return found[0]
        raise Misused(f"there is no level {name!r}", hint=f"one of {', '.join(level.name for level in self.levels)}")

    @property
    def digest(self) -> str:
        """Changes with any level, gate or setting of a gate; each decision carries it."""
        content = {"name": self.name, "levels": [_content(level) for level in self.levels]}
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"


def solo() -> Policy:
    """The built-in policy, for one person at one machine: the same gates before each level, and no approvals."""
    asked = ("data_checks", "quality", "provenance", "model_format", "documentation")
    each = {name: gates.find(name)() for name in asked}
    first, second = LEVELS
    return Policy("solo", (Level(first, each), Level(second, each, after=first)))


def _content(level: Level) -> dict[str, Any]:
    rules = {name: asdict(gate) for name, gate in level.gates.items()}
    return {"name": level.name, "after": level.after, "gates": rules}
