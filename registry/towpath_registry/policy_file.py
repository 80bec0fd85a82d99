"""A policy in a YAML file, and the three that come with towpath."""

from __future__ import annotations

from pathlib import Path

from towpath_core.errors import Misused
from towpath_registry import yamls
from towpath_registry.plain_values import Faulty
from towpath_registry.policy import Policy
from towpath_registry.policy_reading import TO_FILL

_FOLDER = Path(__file__).with_name("policies")


def built_in(name: str) -> bytes:
    """The commented file of a policy that comes with towpath, to be copied and changed."""
    return (_FOLDER / f"{name}.yaml").read_bytes()


def text(policy: Policy) -> str:
    """A policy as a file that `read` makes the same policy of."""
    import yaml

    content = policy.content()
    del content["loading"]["effective"]
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)


def read(path: Path) -> Policy:
    """Raise CouldNot for what cannot be read, Misused with line and key for everything that does not fit."""
    content = yamls.load(path, "the policy")
    try:
        return Policy.of(content)
    except Faulty as error:
        open_ = any(TO_FILL in fault.told for fault in error.faults)
        hint = f"fill in {path}, then towpath policy check {path}" if open_ else f"mend {path}"
        raise Misused(yamls.told(path, error.faults), hint=hint) from error
