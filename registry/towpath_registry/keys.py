"""Ed25519 keys: what signs evidence and checkpoints, and what everybody else knows of it.

The home has two of its own, `evidence` and `ledger`, made when they are first needed. A private key is a PEM file that
only its owner can read; beside it lies its public half. `cryptography` is imported when it is needed, never before.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from towpath_core.errors import CouldNot, Mismatch, Misused, NotFound

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Announce = Callable[["PublicKey | None", "PublicKey"], None]
EVIDENCE, LEDGER = "evidence", "ledger"
PASSPHRASE = "TOWPATH_KEY_PASSPHRASE"  # noqa: S105 (a name)
CHOSEN = "TOWPATH_KEY"
_SUFFIX, _PUBLIC = ".pem", ".pub"
_P = 2**255 - 19
# The y of the eight points of small order: under such a key the signature of nothing fits everything.
_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL = frozenset({0, 1, _P - 1, _ORDER_8, _P - _ORDER_8})


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The 32 bytes that a signature is verified with. Raises: ValueError for a key under which anybody could sign."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != 32:
            raise ValueError(f"a public key has 32 bytes, not {len(self.raw)}")
        y = int.from_bytes(self.raw, "little") & (2**255 - 1)
        if y >= _P:
            raise ValueError("a public key is written in another form than the only valid one")
        if y in _SMALL:
            raise ValueError("a public key is one of the weak ones, under which anybody can sign")

    @classmethod
    def of(cls, text: str) -> PublicKey:
        """From base64, as `text` gives it. Raises: ValueError."""
        try:
            raw = base64.b64decode(text, validate=True)
        except ValueError as error:
            raise ValueError("a public key is not base64") from error
        if base64.b64encode(raw).decode() != text:
            raise ValueError("a public key is base64 in another form than the usual one")
        return cls(raw)

    @property
    def id(self) -> str:
        """SHA-256 of the key, in hex."""
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def text(self) -> str:
        return base64.b64encode(self.raw).decode()

    def verify(self, message: bytes, signature: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except InvalidSignature:
            return False
        return len(signature) == 64


class PrivateKey:
    """A key that signs; nothing shows what it holds."""

    __slots__ = ("_key", "public")

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = PublicKey(key.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)

    def pem(self, passphrase: str | None) -> bytes:
        """PKCS#8, locked with the passphrase if there is one."""
        from cryptography.hazmat.primitives import serialization as forms

        lock = forms.BestAvailableEncryption(passphrase.encode()) if passphrase else forms.NoEncryption()
        return self._key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, lock)


@dataclass(frozen=True, slots=True)
class Kept:
    """A key that this home knows; `active` for one that can sign now, others were replaced."""

    public: PublicKey
    name: str
    path: Path
    since: datetime
    active: bool


def generate() -> PrivateKey:
    """A key that is kept nowhere."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return PrivateKey(Ed25519PrivateKey.generate())


def make(path: Path, passphrase: str | None = None) -> PrivateKey:
    """A new key in a file of its own, whole or not there, readable by its owner only.

    Raises: Misused when the file exists, CouldNot when it cannot be written.
    """
    key = generate()
    try:
        with _written(path, key.pem(passphrase)) as part:
            os.link(part, path)  # unlike a rename, this never takes the place of a key that is there
    except FileExistsError as error:
        raise Misused(f"the key {path} exists", hint="choose another file; a key is never written over") from error
    return key


def read(path: Path, environ: Mapping[str, str]) -> PrivateKey:
    """The key of a file; its passphrase comes from TOWPATH_KEY_PASSPHRASE or from the person at the terminal.

    Raises: NotFound, CouldNot, and Misused for a file that others can read, a wrong passphrase, or another kind of key.
    """
    content = _private(path)
    return _opened(path, content, _passphrase(path, environ) if _locked(content) else None)


def home_key(environ: Mapping[str, str], name: str) -> PrivateKey:
    """The home's own key `evidence` or `ledger`, made if it is not there; TOWPATH_KEY chooses another for evidence.

    Any number of processes may ask at once. Raises as `read` does, Mismatch when the file beside it is of another key,
    and Misused when both names mean one key.
    """
    path = _path(environ, name)
    if _chosen(environ, name):
        key = read(path, environ)
        _check_public(path, key.public)
    else:
        _folder(path.parent)
        with _alone(path):
            if not path.exists():
                make(path, environ.get(PASSPHRASE))
            key = read(path, environ)
            if _public(_beside(path)) is None:
                _put(_beside(path), key.public)
            _check_public(path, key.public)
    other = LEDGER if name == EVIDENCE else EVIDENCE
    if home_public(environ, other, ask=False) == key.public:
        raise Misused(
            f"{path} is also the key {other}: what signs evidence must not sign the ledger",
            hint="choose another key: unset TOWPATH_KEY, or towpath keys rotate",
        )
    return key


def home_public(environ: Mapping[str, str], name: str, *, ask: bool = True) -> PublicKey | None:
    """The public half of the key that `home_key` would give; None if there is none yet.

    Without `ask`, what could only be told by opening the private file counts as none.
    """
    path = _path(environ, name)
    if said := _public(_beside(path)):
        return said
    return read(path, environ).public if ask and path.exists() else None


def kept(environ: Mapping[str, str]) -> tuple[Kept, ...]:
    """All keys that this home knows: those that sign now, then those that were replaced."""
    found = []
    for name in (EVIDENCE, LEDGER):
        path = _path(environ, name)
        if public := home_public(environ, name):
            active = path.exists()
            found.append(Kept(public, name, path, _time(path if active else _beside(path)), active))
    for path in sorted(_home_folder(environ).glob(f"{EVIDENCE}-*{_PUBLIC}")):
        public = _public(path)
        if public and public not in [key.public for key in found]:
            found.append(Kept(public, EVIDENCE, path, _time(path), active=False))
    return tuple(found)


def rotate(
    environ: Mapping[str, str], announce: Announce = lambda old, new: None
) -> tuple[PublicKey | None, PublicKey]:
    """A new evidence key in the place of the old one, whose public half stays as `evidence-<id>.pub`: old and new.

    `announce` is told of both before anything changes: a key that others do not know of must not sign. A key that was
    locked stays locked, with the same passphrase; the old private key is gone afterwards. Interrupted anywhere, it
    leaves the old key or the new one whole.

    Raises: as `read` does, and Misused while TOWPATH_KEY chooses another key.
    """
    if _chosen(environ, EVIDENCE):
        raise Misused(f"{CHOSEN} names a key that towpath does not keep", hint=f"unset {CHOSEN}, then run it again")
    path = _path(environ, EVIDENCE)
    _folder(path.parent)
    with _alone(path):
        secret, old = environ.get(PASSPHRASE), None
        if path.exists():
            content = _private(path)
            secret = _passphrase(path, environ) if _locked(content) else secret
            old = _opened(path, content, secret if _locked(content) else None).public
            _check_public(path, old)
        new = generate()
        announce(old, new.public)
        if old:
            retired = path.with_name(f"{path.stem}-{old.id[:8]}{_PUBLIC}")
            _put(retired, old)
            os.utime(retired, (path.stat().st_mtime,) * 2)
            _beside(path).unlink(missing_ok=True)
        with _written(path, new.pem(secret)) as part:
            part.replace(path)
        _put(_beside(path), new.public)
    return old, new.public


def _chosen(environ: Mapping[str, str], name: str) -> bool:
    return name == EVIDENCE and bool(environ.get(CHOSEN))


def _path(environ: Mapping[str, str], name: str) -> Path:
    if name not in (EVIDENCE, LEDGER):
        raise ValueError(f"there is no key of the home called {name}")
    if _chosen(environ, name):
        return Path(environ[CHOSEN]).expanduser().absolute()
    return _home_folder(environ) / f"{name}{_SUFFIX}"


def _home_folder(environ: Mapping[str, str]) -> Path:
    from towpath_registry import places

    return places.home(environ) / "keys"


def _beside(path: Path) -> Path:
    return path.with_suffix(_PUBLIC)


def _check_public(path: Path, public: PublicKey) -> None:
    said = _public(_beside(path))
    if said not in (None, public):
        raise Mismatch(
            f"{_beside(path)} is not the public half of {path}", hint=f"remove {_beside(path)}, then run it again"
        )


def _public(path: Path) -> PublicKey | None:
    try:
        return PublicKey.of(path.read_bytes().decode("ascii").removesuffix("\n"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CouldNot(f"cannot read the key {path}: {error.strerror}") from error
    except ValueError as error:
        raise Misused(f"{path} holds no public key: {error}", hint=f"remove {path}, then try again") from error


def _private(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode & 0o777
            content = stream.read(1 << 16)
    except FileNotFoundError as error:
        raise NotFound(f"there is no key {path}", hint=_how_to_make(path)) from error
    except OSError as error:
        raise CouldNot(f"cannot read the key {path}: {error.strerror}") from error
    if mode & 0o077:
        raise Misused(f"others can read the key {path} (mode {mode:o})", hint=f"chmod 600 {path}")
    return content


def _how_to_make(path: Path) -> str:
    return f"unset {CHOSEN}, or make one: (umask 077; openssl genpkey -algorithm ed25519 -out {path})"


def _locked(content: bytes) -> bool:
    return b"BEGIN ENCRYPTED" in content


def _opened(path: Path, content: bytes, passphrase: str | None) -> PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(content, passphrase.encode() if passphrase else None)
    except Exception as error:  # the library says "wrong passphrase" and "broken file" in many ways
        if passphrase:
            raise Misused(
                f"the passphrase does not open the key {path}", hint=f"{PASSPHRASE} holds it, or the terminal asks"
            ) from error
        raise Misused(f"the key {path} cannot be read", hint="restore it from a backup") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Misused(f"the key {path} is not an Ed25519 key", hint=_how_to_make(path))
    return PrivateKey(key)


def _passphrase(path: Path, environ: Mapping[str, str]) -> str:
    if given := environ.get(PASSPHRASE):
        return given
    if not sys.stdin.isatty():
        raise Misused(f"the key {path} is locked, and there is no terminal to ask on", hint=f"set {PASSPHRASE}")
    from getpass import getpass

    return getpass(f"Passphrase of {path}: ")


def _folder(folder: Path) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        mode = folder.stat().st_mode & 0o777
    except OSError as error:
        raise CouldNot(
            f"cannot make the folder {folder}: {error.strerror}", hint="set TOWPATH_HOME to another folder"
        ) from error
    if mode & 0o022:
        raise Misused(f"others can write to {folder} (mode {mode:o})", hint=f"chmod 700 {folder}")


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One maker of this key at a time; the system lets the lock go when the process ends, however it ends."""
    with path.with_name(f".{path.stem}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _written(path: Path, content: bytes) -> Iterator[Path]:
    """The content in a temporary neighbour of `path`, from its first byte on readable by its owner only."""
    from tempfile import mkstemp

    try:
        handle, name = mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(handle)
            yield part
        finally:
            part.unlink(missing_ok=True)
    except FileExistsError:
        raise
    except OSError as error:
        raise CouldNot(f"cannot write the key {path}: {error.strerror}") from error


def _put(path: Path, public: PublicKey) -> None:
    with _written(path, f"{public.text}\n".encode()) as part:
        part.replace(path)


def _time(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
