"""An image with one model version: what goes into it, and how it is known again."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from towpath import wheels
from towpath.releases import Release
from towpath.targets.docker_door import Engine, Image
from towpath.wheels import Lock, Platform, Wheelhouse
from towpath_core import model_files
from towpath_core.digests import dir_hash, sha256_bytes
from towpath_core.errors import CouldNot, Mismatch, Misused, NotFound

BASE = "python:3.11-slim"
PACKAGES = ("towpath_core", "towpath_serve")
DIGEST = "towpath.model-digest"
CHECKPOINT = "towpath.checkpoint"
_ASK = (
    "import json, platform, sys; print(json.dumps(["
    "'%d.%d' % sys.version_info[:2], platform.machine(), platform.libc_ver()[1]]))"
)


@dataclass(frozen=True, slots=True)
class Order:
    """What to build. Empty values stand for the usual: the tag NAME:VERSION, the wheelhouse in the home folder."""

    tag: str = ""
    base: str = BASE
    wheelhouse: Path | None = None
    download: bool = False


@dataclass(frozen=True, slots=True)
class Built:
    tag: str
    id: str
    labels: Mapping[str, str]


def build(engine: Engine, release: Release, order: Order, home: Path, say: Callable[[str], None]) -> Built:
    """Make the image. Raises: Mismatch if the model is not the one registered; CouldNot if a wheel is missing."""
    tag = order.tag or f"{release.name}:{release.version}"
    lock = _lock(release)
    if engine.image(order.base) is None:
        raise NotFound(f"the engine has no image {order.base}", hint=f"docker pull {order.base}, or --base-image")
    found = _wheelhouse(engine, release, order, lock, home, say)
    with tempfile.TemporaryDirectory(prefix="towpath-image-") as scratch:
        context = Path(scratch) / "context"
        _fill(context, release, lock, found)
        labels = _labels(release, lock)
        if release.checkpoint:  # a witness outside of the database; another one is no reason for another image
            labels[CHECKPOINT] = release.checkpoint
        arguments = {"BASE_IMAGE": order.base, "MODEL_DIGEST": release.digest, "MODEL_VERSION": release.ref}
        image = engine.build(context, tag, arguments, labels, say)
    return Built(tag, image.id, labels)


def ensure(engine: Engine, release: Release, home: Path, say: Callable[[str], None]) -> Built:
    """The release's image: the one that is there, if it is of this model, lock and server; else a new one."""
    tag = f"{release.name}:{release.version}"
    labels = _labels(release, _lock(release))
    there = engine.image(tag)
    if there is not None and _same(there, labels):
        return Built(tag, there.id, labels)
    return build(engine, release, Order(), home, say)


def _same(image: Image, labels: Mapping[str, str]) -> bool:
    return all(image.labels.get(key) == value for key, value in labels.items())


def _lock(release: Release) -> Lock:
    """Raise Mismatch unless the folder is what was registered: everything in the image comes from it."""
    release.verify()
    path = release.folder / model_files.LOCK
    if not path.is_file():
        raise Misused(
            f"{release.ref} brings no requirements.txt", hint="lock the project's environment, then towpath run"
        )
    return Lock.parse(path.read_text(encoding="utf-8"))


def _wheelhouse(
    engine: Engine, release: Release, order: Order, lock: Lock, home: Path, say: Callable[[str], None]
) -> Wheelhouse:
    folder = order.wheelhouse or wheels.folder(home, lock)
    found = Wheelhouse.at(folder, lock)
    if found.absent and order.download:
        say(f"downloading {found.absent} wheels into {folder}")
        wheels.download(folder, lock, _platform(engine, order.base), say)
        found = Wheelhouse.at(folder, lock)
    if found.missing:
        named = ", ".join(found.missing[:5]) + (" …" if len(found.missing) > 5 else "")
        raise CouldNot(
            f"{len(found.missing)} of {len(lock.pins)} wheels are missing in {folder}: {named}",
            hint=f"towpath build {release.ref} --download",
        )
    return found


def _platform(engine: Engine, base: str) -> Platform:
    """What the base image says of itself."""
    try:
        python, machine, glibc = json.loads(engine.output(base, ["python", "-c", _ASK]))
        return Platform(python, machine, int(glibc.removeprefix("2.")))
    except ValueError as error:
        raise Misused(f"{base} has no Python on a Linux with glibc 2", hint="--base-image python:3.11-slim") from error


def _fill(context: Path, release: Release, lock: Lock, found: Wheelhouse) -> None:
    """The folder that is sent to the engine; nothing else of this machine goes there."""
    (context / "wheelhouse").mkdir(parents=True)
    (context / "Dockerfile").write_text(_dockerfile())
    (context / "requirements.txt").write_text(lock.text)
    for wheel in found.wheels:
        shutil.copyfile(wheel, context / "wheelhouse" / wheel.name)
    for name, content in _sources().items():
        path = context / "app" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    shutil.copytree(release.folder, context / "model", copy_function=shutil.copyfile)
    if (copied := dir_hash(context / "model")) != release.digest:
        raise Mismatch(f"{release.ref} changed while it was copied: {copied}")
    for path in context.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _dockerfile() -> str:
    return (resources.files("towpath.targets") / "Dockerfile").read_text()


def _sources() -> dict[str, bytes]:
    """The server's own source, by path."""
    folders = [(package, Path(str(resources.files(package)))) for package in PACKAGES]
    found = [
        (f"{package}/{path.relative_to(root).as_posix()}", path)
        for package, root in folders
        for path in root.rglob("*.py")
    ]
    return {name: path.read_bytes() for name, path in sorted(found)}


def _labels(release: Release, lock: Lock) -> dict[str, str]:
    server = "".join(f"{sha256_bytes(content)}  {name}\n" for name, content in _sources().items()) + _dockerfile()
    return {
        "org.opencontainers.image.title": release.name,
        "org.opencontainers.image.version": str(release.version),
        "org.opencontainers.image.revision": release.commit,
        "towpath.model": release.name,
        "towpath.version": release.ref,
        DIGEST: release.digest,
        "towpath.lock-digest": lock.digest,
        "towpath.commit": release.commit,
        "towpath.server-digest": sha256_bytes(server.encode()),
    }
