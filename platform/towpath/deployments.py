"""One deployment per model: the release that answers on a port of this machine, and how another takes its place.

A new version is started on a spare port and proven there: healthy, the digest that was registered, and the answers
that evaluation gave. Only then does it take the port. Whatever goes wrong, the old one answers again.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from towpath import targets
from towpath.releases import Release
from towpath.targets import Instance, Say, Target
from towpath_core import model_files
from towpath_core.clock import Clock, stamp, utc_now
from towpath_core.errors import CouldNot, Mismatch, Misused, NotFound, Refused, TowpathError
from towpath_core.files import read_json, write_json
from towpath_registry import places
from towpath_serve import proof
from towpath_serve.server import bound

AUTO = "auto"
_LONGEST = 30.0  # seconds until one question is answered
_PAUSE = 0.1
_NO_ANSWER = (OSError, ValueError, http.client.HTTPException)


@dataclass(frozen=True, slots=True)
class Deployment:
    """What runs where, as it is written down in the home folder."""

    name: str
    model: str
    digest: str
    target: str
    instance: str
    port: int
    since: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class Desk:
    """The folder where deployments are written down, and the targets that there are, by name.

    `patience` is in seconds: how long a new instance may take until it answers.
    """

    folder: Path
    targets: Mapping[str, Target]
    say: Say
    clock: Clock = utc_now
    patience: float = 90.0

    @classmethod
    def at(cls, environ: Mapping[str, str], say: Say) -> Desk:
        found = {name: targets.find(name, environ) for name in targets.names()}
        return cls(places.home(environ) / "deployments", found, say)


def choose(desk: Desk, name: str) -> Target:
    """The target of that name; `auto` is Docker if an engine answers, else a process of this machine."""
    if name == AUTO:
        if not (lack := desk.targets["docker"].lack()):
            desk.say("a Docker engine answers: it runs as a container")
            return desk.targets["docker"]
        desk.say(f"{lack}: it runs as a process of this machine")
        return desk.targets["process"]
    if name not in desk.targets:
        raise Misused(f"there is no target {name!r}", hint=f"--target, one of {AUTO}, {', '.join(desk.targets)}")
    if lack := desk.targets[name].lack():
        raise CouldNot(f"nothing can run on {name}: {lack}", hint="towpath doctor, or another --target")
    return desk.targets[name]


def current(desk: Desk, name: str) -> Deployment | None:
    """What is written down; nothing if there is no such deployment."""
    path = desk.folder / f"{name}.json"
    if not path.exists():
        return None
    content = read_json(path, "the deployment")
    try:
        return Deployment(**{key: value for key, value in content.items() if key != "schema"})
    except (AttributeError, TypeError) as error:
        raise Misused(f"{path} describes no deployment", hint=f"rm {path}, then run it again") from error


def deploy(desk: Desk, release: Release, target: Target, port: int) -> tuple[Deployment, bool]:
    """Bring the release to the port; whether anything had to be changed for that.

    Raises: CouldNot if it does not come up or the port is somebody else's; Mismatch if it answers otherwise than it
    did at evaluation. Either way what ran before runs.
    """
    release.verify()
    examples = _examples(release)
    with _alone(desk, release.name):
        old = current(desk, release.name)
        _clear(desk, release.name, keep=old.instance if old else "")
        if old is not None and _is(old, release, target, port) and _answers(old):
            return old, False
        try:
            _refuse_foreign_port(desk, old, port)
            _prove_aside(desk, release, target, examples)
            new = _take_over(desk, release, target, port, old, examples)
        except TowpathError as error:
            if old is not None and _answers(old):
                error.hint = "; ".join(filter(None, [f"{old.model} still answers at {old.url}", error.hint]))
            raise
        except BaseException:  # interrupted where nobody had taken charge of what was started
            known = current(desk, release.name)
            _clear(desk, release.name, keep=known.instance if known else "")
            raise
    return new, True


def undeploy(desk: Desk, name: str) -> list[str]:
    """Stop and forget everything of the deployment; what was stopped. Raises: NotFound if there is nothing."""
    with _alone(desk, name):
        known = current(desk, name)
        stopped = _clear(desk, name, keep="")
        if known is None and not stopped:
            raise NotFound(f"nothing is deployed under the name {name}", hint="towpath deploy")
        if known is not None and (lack := _lack(desk, known)):
            raise CouldNot(f"{name} runs on {known.target}, which cannot be reached: {lack}", hint="towpath doctor")
        (desk.folder / f"{name}.json").unlink(missing_ok=True)
    return stopped


def _take_over(
    desk: Desk, release: Release, target: Target, port: int, old: Deployment | None, examples: _Examples
) -> Deployment:
    """Stop the old one, start the new one in its place; if that fails, the old one is started again."""
    before = _find(desk, old)
    new: Instance | None = None
    try:
        if before is not None:
            before[0].halt(before[1])
        new = target.start(release.name, release, port, desk.say)
        _prove(desk, target, new, release, examples)
        made = Deployment(release.name, release.ref, release.digest, target.name, new.id, port, stamp(desk.clock()))
        write_json(desk.folder / f"{release.name}.json", {"schema": 1, **asdict(made)})
    except BaseException:
        if new is not None:
            target.remove(new)
        if before is not None and before[1].running:
            _resume(desk, *before)
        raise
    if before is not None:
        before[0].remove(before[1])
    return made


def _resume(desk: Desk, target: Target, instance: Instance) -> None:
    try:
        target.resume(instance)
        desk.say("what ran before is started again")
    except TowpathError as error:
        desk.say(f"what ran before could not be started again: {error.message}")


def _prove_aside(desk: Desk, release: Release, target: Target, examples: _Examples) -> None:
    """Start it where nobody looks, ask it, and take it away again."""
    desk.say(f"{release.ref} is started on a spare port")
    instance = target.start(release.name, release, 0, desk.say)
    try:
        _prove(desk, target, instance, release, examples)
        desk.say(f"{release.ref} answers {len(examples.records)} examples as it did at evaluation")
    finally:
        target.remove(instance)


# Proof ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Examples:
    records: list[Any]
    expected: list[dict[str, Any]]


def _examples(release: Release) -> _Examples:
    found = [
        read_json(release.folder / name, f"the model's {name}") for name in (model_files.EXAMPLE, model_files.EXPECTED)
    ]
    if not found[0] or not isinstance(found[0], list) or not isinstance(found[1], list):
        raise Refused(
            f"{release.ref} brings no examples with their answers, so nothing could prove it", hint="towpath run"
        )
    return _Examples(*found)


def _prove(desk: Desk, target: Target, instance: Instance, release: Release, examples: _Examples) -> None:
    """Healthy, of the registered digest, and with the answers of evaluation; or an error that says which not."""
    url = f"http://127.0.0.1:{instance.port}"
    told = _healthy(desk, target, instance, release, url)
    if told.get("digest") != release.digest:
        raise Mismatch(f"another model answers at {url}: {told.get('digest')}, expected {release.digest}")
    try:
        answer = _ask(f"{url}/predict", {"records": examples.records}, desk.patience)
    except _NO_ANSWER as error:
        raise CouldNot(f"{release.ref} does not answer its own examples: {error}") from error
    if answer.get("digest") != release.digest:
        raise Mismatch(f"another model answers at {url}: {answer.get('digest')}, expected {release.digest}")
    if faults := proof.differences(examples.expected, answer.get("predictions", [])):
        raise Mismatch(f"{release.ref} answers otherwise than at evaluation: {faults[0]}")


def _healthy(desk: Desk, target: Target, instance: Instance, release: Release, url: str) -> dict[str, Any]:
    """What it says of its health, as soon as it does."""
    deadline = time.monotonic() + desk.patience
    while (left := deadline - time.monotonic()) > 0:
        with contextlib.suppress(*_NO_ANSWER):
            return _ask(f"{url}/health", patience=left)
        now = next((found for found in target.instances(release.name) if found.id == instance.id), None)
        if now is None or not now.running:
            error = Mismatch if now is not None and now.code == Mismatch.exit_code else CouldNot
            raise error(f"{release.ref} ended by itself; its last words:\n{target.log(instance)[-1000:]}")
        time.sleep(_PAUSE)
    raise CouldNot(f"{release.ref} did not answer in {desk.patience:g} seconds:\n{target.log(instance)[-1000:]}")


def _ask(url: str, body: object = None, patience: float = _LONGEST) -> dict[str, Any]:
    """JSON from this machine, past any proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    data = None if body is None else json.dumps(body).encode()
    with opener.open(url, data, timeout=min(patience, _LONGEST)) as answer:
        found = json.load(answer)
    return found if isinstance(found, dict) else {}


def _answers(deployment: Deployment) -> bool:
    try:
        return _ask(f"{deployment.url}/health").get("digest") == deployment.digest
    except _NO_ANSWER:
        return False


# What is there -------------------------------------------------------------------------------------------------------


def _is(old: Deployment, release: Release, target: Target, port: int) -> bool:
    stated = (old.model, old.digest, old.target, old.port)
    return stated == (release.ref, release.digest, target.name, port)


def _find(desk: Desk, old: Deployment | None) -> tuple[Target, Instance] | None:
    """The instance that is written down, if it is still there."""
    if old is None or _lack(desk, old):
        return None
    target = desk.targets[old.target]
    return next(((target, found) for found in target.instances(old.name) if found.id == old.instance), None)


def _lack(desk: Desk, deployment: Deployment) -> str:
    """Why the deployment's target cannot be asked; empty if it can."""
    target = desk.targets.get(deployment.target)
    return target.lack() if target is not None else "it is not installed"


def _clear(desk: Desk, name: str, keep: str) -> list[str]:
    """Take away every instance but one, such as an interrupted deploy left; which these were."""
    gone = []
    for target in desk.targets.values():
        for instance in [] if target.lack() else target.instances(name):
            if instance.id != keep:
                target.remove(instance)
                gone.append(instance.id)
    return gone


def _refuse_foreign_port(desk: Desk, old: Deployment | None, port: int) -> None:
    """Told before anything is started: the port belongs to somebody else. Raises: CouldNot."""
    before = _find(desk, old)
    ours = before is not None and before[1].running and before[1].port == port
    if not ours:
        bound("127.0.0.1", port).close()


@contextlib.contextmanager
def _alone(desk: Desk, name: str) -> Iterator[None]:
    """One change of a deployment at a time. Raises: CouldNot if another is under way."""
    try:
        desk.folder.mkdir(parents=True, exist_ok=True)
        lock = (desk.folder / f".{name}.lock").open("w")
    except OSError as error:
        raise CouldNot(f"cannot write into {desk.folder}: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CouldNot(
                f"{name} is being deployed by another process", hint="wait for it, then run it again"
            ) from error
        yield
