"""The digest of a table's files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from towpath_core.digests import sha256_bytes, sha256_file


def of_files(files: Sequence[Path]) -> str:
    """A file's own; of several: over the lines `<hex>  <name>`, in the order in which they are read."""
    if len(files) == 1:
        return sha256_file(files[0])
    lines = [f"{sha256_file(file).removeprefix('sha256:')}  {file.name}\n" for file in files]
    return sha256_bytes("".join(lines).encode())
