"""The door to OpenSSF model signing: signatures to exchange models with others. No gate ever asks for one.

A signature of this kind binds the digests of a model's files; the registry's own identity of a model, its `dirHash`,
follows from the same list. What a signer may leave out of the list is not left to the signer here.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from towpath_core.digests import dir_hash, file_list
from towpath_core.errors import CouldNot, Mismatch, Misused, TowpathError

if TYPE_CHECKING:
    from model_signing import hashing

PREDICATE = "https://model_signing/signature/v1.0"
_WHOLE = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
_LARGEST = 64 << 20  # bytes of a signature; 2,000 files make 430 kB


def sign(folder: Path, signature: Path, key: Path, password: bytes | None) -> str:
    """Write a signature over every file of the folder, with a private key on a NIST curve; the folder's digest.

    Raises: Misused for a signature that would lie in the folder or over another file, or a key of another kind.
    """
    if signature.absolute().is_relative_to(folder.absolute()):
        raise Misused(f"{signature} would lie inside of the model and change it", hint="choose another --output")
    if signature.exists():
        raise Misused(f"{signature} exists", hint="choose another --output; a signature is never written over")
    digest = dir_hash(folder)
    with _translated(f"signing with {key}"):
        from model_signing import signing

        made = signing.Config().use_elliptic_key_signer(private_key=key, password=password)  # type: ignore[arg-type]
        made.set_hashing_config(_everything()).sign(folder, signature)
    return digest


def verify(folder: Path, signature: Path, key: Path) -> str:
    """The folder's digest, if the signature is of this public key and over exactly these files, all of them.

    Raises: Mismatch when it is not; CouldNot, Misused for what cannot be read.
    """
    named = _named(signature)
    with _translated(f"verifying {signature}"):
        from model_signing import verifying

        # a new one each time: what it is told by one signature stays with it for the next
        asked = verifying.Config().use_elliptic_key_verifier(public_key=key)
        try:
            asked.set_hashing_config(_everything()).verify(folder, signature)
        except Exception as error:
            text = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
            raise Mismatch(f"{signature} does not hold for {folder}: {text}") from error
    if named != file_list(folder):
        raise Mismatch(f"{signature} names other files than lie in {folder}")
    return dir_hash(folder)


def _named(signature: Path) -> dict[str, str]:
    """The files that the signature is over, if it leaves none out: POSIX path to hex SHA-256."""
    try:
        if signature.stat().st_size > _LARGEST:
            raise Misused(f"{signature} is too large to be a signature")
        content = signature.read_bytes()
    except OSError as error:
        raise CouldNot(f"cannot read {signature}: {error.strerror}") from error
    try:
        statement: Mapping[str, Any] = json.loads(base64.b64decode(json.loads(content)["dsseEnvelope"]["payload"]))
        said = statement["predicate"]
        serialization, resources = dict(said["serialization"]), said["resources"]
        left_out = serialization.pop("ignore_paths", [])
        found = {str(r["name"]): str(r["digest"]) for r in resources if r["algorithm"] == "sha256"}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Mismatch(f"{signature} is no signature of a model") from error
    if statement.get("predicateType") != PREDICATE or serialization != _WHOLE or len(found) != len(resources):
        raise Mismatch(f"{signature} is not over the SHA-256 of each file")
    if left_out:
        raise Mismatch(f"{signature} leaves files out: {', '.join(map(str, left_out))[:200]}")
    return found


def _everything() -> hashing.Config:
    """Every file counts, those of git too, which the library would leave out."""
    from model_signing import hashing

    return hashing.Config().set_ignored_paths(paths=[], ignore_git_paths=False)


@contextlib.contextmanager
def _translated(doing: str) -> Iterator[None]:
    try:
        yield
    except TowpathError:
        raise
    except ImportError as error:
        raise CouldNot(
            "OpenSSF model signing is not installed, or a part of it is missing", hint="pip install 'towpath[oms]'"
        ) from error
    except Exception as error:
        text = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise Misused(f"{doing}: {text}", hint="it takes a PEM key on a curve P-256, P-384 or P-521") from error
