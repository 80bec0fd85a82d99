"""Digests of files and folders.

A file's digest is `sha256:<hex>`. A folder's is in-toto's `dirHash`: SHA-256 over the sorted
`<hex>  <path>` lines of all its files, ignoring nothing. By hand, inside the folder:

    find . -type f | cut -c3- | LC_ALL=C sort | xargs sha256sum | sha256sum
"""

from __future__ import annotations

import hashlib
import unicodedata
from pathlib import Path

from towpath_core.errors import CouldNot, Refused


def sha256_bytes(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def sha256_file(path: Path) -> str:
    """Raise CouldNot if the file cannot be read."""
    try:
        with path.open("rb") as stream:
            return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise CouldNot(f"cannot read {path}: {error.strerror}") from error


def file_list(folder: Path) -> dict[str, str]:
    """Every file below `folder`: POSIX path to hex SHA-256, in the order of the path's bytes.

    Raises: Refused for what makes such a list ambiguous (links, devices, odd or look-alike names)
    and for a folder without files; CouldNot for what cannot be read.
    """
    if not folder.is_dir():
        raise CouldNot(f"there is no folder {folder}")
    found: dict[str, str] = {}
    twins: set[str] = set()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise Refused(f"{name} in {folder} is a link or a special file, expected plain files only")
        if path.is_dir():
            continue
        _refuse_odd_name(name, folder)
        twin = unicodedata.normalize("NFC", name).casefold()
        if twin in twins:
            raise Refused(f"{name!r} in {folder} looks like another file's name")
        twins.add(twin)
        found[name] = sha256_file(path).removeprefix("sha256:")
    if not found:
        raise Refused(f"{folder} holds no files")
    return dict(sorted(found.items(), key=lambda item: item[0].encode()))


def dir_hash(folder: Path) -> str:
    """The folder's digest, `sha256:<hex>`. Raises as `file_list` does."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in file_list(folder).items())
    return sha256_bytes(lines.encode())


def _refuse_odd_name(name: str, folder: Path) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise Refused(f"a file name in {folder} is not UTF-8") from None
    if any(unicodedata.category(char) == "Cc" for char in name) or "\\" in name:
        raise Refused(f"a file name in {folder} has a control character or a backslash: {name!r}")
