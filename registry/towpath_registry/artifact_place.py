"""Where a server's artifacts lie, as `--artifacts` names it: a folder, or a place in an object store."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from towpath_core.errors import Misused

S3 = "s3://"
_HINT = "towpath server --artifacts /srv/towpath/artifacts, or s3://bucket/prefix"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_LONGEST = 1024  # bytes of a key, as S3 has it


@dataclass(frozen=True, slots=True)
class S3Place:
    """All keys of a bucket that begin with the prefix and a slash; the whole bucket where the prefix is empty."""

    bucket: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"{S3}{self.bucket}/{self.prefix}" if self.prefix else f"{S3}{self.bucket}"

    def key(self, name: str) -> str:
        """The key of what is called `name` below the place."""
        return f"{self.prefix}/{name}" if self.prefix else name

    def name(self, uri: str) -> str:
        """What an address below the place is called there; empty for the place itself. Raises: Misused."""
        if uri.rstrip("/") == str(self):
            return ""
        name = uri.removeprefix(f"{self}/")
        if name == uri:
            raise Misused(f"{uri} does not lie below {self}")
        return plain(name)


Place = Path | S3Place


def address(where: Place) -> str:
    """The place as MLflow is told it."""
    return where.as_uri() if isinstance(where, Path) else str(where)


def place(text: str) -> Place:
    """The place that somebody named. Raises: Misused for what is none, and for an address with more in it."""
    if not text.startswith(S3):
        if "://" in text or Path(text).is_file():
            raise Misused("a server's artifacts lie in a folder or in an S3-compatible object store", hint=_HINT)
        return Path(text).absolute()
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise Misused("this is not the address of a bucket", hint=_HINT) from error
    if "@" in parts.netloc or ":" in parts.netloc:
        raise Misused(
            "a password in a command is seen by everybody on this machine, and a port is one of an endpoint",
            hint="AWS_ENDPOINT_URL_S3 names the endpoint; AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY who asks",
        )
    if not _BUCKET.fullmatch(parts.netloc) or "?" in text or "#" in text:
        raise Misused(f"{text} does not name a bucket, and a prefix in it", hint=_HINT)
    prefix = parts.path.strip("/")
    return S3Place(parts.netloc, plain(prefix) if prefix else "")


def plain(name: str) -> str:
    """The name, if no program could read it as another one: a key is text, and no file system puts it right.

    Raises: Misused for `..`, `//`, an encoding that somebody may undo, or characters that could be written otherwise.
    """
    odd = (
        any(part in {"", ".", ".."} for part in name.split("/"))
        or "\\" in name
        or not name.isprintable()
        or unquote(name) != name
        or unicodedata.normalize("NFC", name) != name
    )
    if odd:
        raise Misused(f"{name[:200]!r} could be read as another name", hint="letters, digits, - _ . and / are plain")
    if len(name.encode()) > _LONGEST:
        raise Misused(f"a name is longer than {_LONGEST} bytes", hint="choose a shorter one")
    return name
