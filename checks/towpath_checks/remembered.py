"""What was found of the same data, by the same suite, rules and engines, at an earlier time.

One file for each key in a folder that nobody commits. Its content is authenticated with a key that only this user has
(HMAC-SHA-256): a file that came with somebody's project, was changed or is damaged is as if it were not there. It does
not protect from who can read the user's own key.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from towpath_core.clock import from_stamp, stamp, utc_now
from towpath_core.errors import TowpathError
from towpath_core.files import written_whole

Json = dict[str, Any]
SCHEMA = 1
MOST = 200
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Remembered:
    """What was kept, and when."""

    content: Json
    moment: datetime


@dataclass(frozen=True, slots=True)
class Memory:
    """A folder of what was found, and the user's key to it."""

    folder: Path
    key: bytes
    clock: Callable[[], datetime] = utc_now

    def recall(self, about: Mapping[str, str | None]) -> Remembered | None:
        """What was kept under exactly this; None for nothing, and for what is damaged or not from this user.

        None too where one part of `about` is None: what has no digest may have changed.
        """
        if None in about.values():
            return None
        try:
            found = json.loads(self._file(about).read_bytes())
            signed, said = found["kept"], str(found["mac"])
            if not hmac.compare_digest(self._mac(signed).encode(), said.encode()):
                return None
            if signed["schema"] != SCHEMA or signed["about"] != dict(about):
                return None
            return Remembered(signed["content"], from_stamp(signed["from"]))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def keep(self, about: Mapping[str, str | None], content: Json) -> bool:
        """Whether it was kept: not where the folder cannot be written, or a part of `about` is None."""
        if None in about.values():
            return False
        signed = {"schema": SCHEMA, "about": dict(about), "from": stamp(self.clock()), "content": content}
        try:
            text = json.dumps({"kept": signed, "mac": self._mac(signed)}, allow_nan=False)
            self.folder.mkdir(parents=True, exist_ok=True)
            ignore = self.folder / ".gitignore"
            if not ignore.is_file():
                ignore.write_text("*\n", encoding="utf-8")
            with written_whole(self._file(about)) as part:
                part.write_text(text, encoding="utf-8")
            self._forget_oldest()
        except (OSError, ValueError, TowpathError):
            return False
        return True

    def _file(self, about: Mapping[str, str | None]) -> Path:
        return self.folder / f"{hashlib.sha256(_canonical(dict(about))).hexdigest()}.json"

    def _mac(self, signed: Json) -> str:
        return "hmac-sha256:" + hmac.new(self.key, _canonical(signed), "sha256").hexdigest()

    def _forget_oldest(self) -> None:
        files = sorted(self.folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
        for old in files[:-MOST]:
            old.unlink(missing_ok=True)


def open_memory(folder: Path, home: Path) -> Memory | None:
    """With the user's key in `home`, made if it is not there; None where there can be none."""
    key = _user_key(home / "checks.key")
    return Memory(folder, key) if key else None


def _user_key(path: Path) -> bytes | None:
    """Any number of processes may make it at once: who links it first made it."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as stream:
                stream.write(secrets.token_bytes(_KEY_BYTES))
            try:
                os.link(part, path)
            except FileExistsError:
                pass
            finally:
                part.unlink()
        key = path.read_bytes()
    except OSError:
        return None
    return key if len(key) == _KEY_BYTES else None


def _canonical(content: object) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
