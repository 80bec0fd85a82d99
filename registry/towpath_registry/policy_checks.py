"""What no value of a policy shows by itself: whether its parts fit together, and anybody could ever do what it asks."""

from __future__ import annotations

from towpath_registry.gates import EvidenceRule
from towpath_registry.matching import unfilled
from towpath_registry.plain_values import Part, is_word
from towpath_registry.policy import APPROVAL, FIRST, LAST, Level, Policy


def check(policy: Policy, whole: Part) -> None:
    """Note each fault in `whole`, which the policy was read from."""
    for level in policy.levels:
        _check_level(level, policy, whole)
    _check_lifecycle(policy, whole)
    _check_signers(policy, whole)
    for kind, rule in policy.evidence.items():
        _check_rule(kind, rule, policy, whole)
    if policy.policy_role and not policy.holders(policy.policy_role):
        whole.fault(f"nobody holds the role {policy.policy_role!r}", "policy_role")
    if not policy.policy_role and any(level.approvals for level in policy.levels):
        whole.fault("is empty: anybody could set a policy without the approvals that this one asks for", "policy_role")


def _check_level(level: Level, policy: Policy, whole: Part) -> None:
    keys = ("levels", level.name)
    names = [other.name for other in policy.levels]
    if not level.gates:
        whole.fault("asks nothing, expected one gate or more", *keys, "gates")
    if level.after and level.after not in names:
        whole.fault(f"there is no level {level.after!r}", *keys, "after")
    elif _in_a_circle(level, policy):
        whole.fault(f"leads back to {level.name}: no version could ever stand there", *keys, "after")
    for name, gate in level.gates.items():
        kind = getattr(gate, "kind", None)
        if isinstance(kind, str) and kind not in policy.evidence:
            whole.fault(f"is missing, and the gate {name} of {level.name} asks for such evidence", "evidence", kind)
    _check_approvals(level, policy, whole)


def _in_a_circle(level: Level, policy: Policy) -> bool:
    after = {other.name: other.after for other in policy.levels}
    here, passed = level.after, set[str]()
    while here in after and here not in passed:
        if here == level.name:
            return True
        passed.add(here)
        here = after[here]
    return False


def _check_approvals(level: Level, policy: Policy, whole: Part) -> None:
    keys = ("levels", level.name)
    if level.signed_approvals and not level.approvals:
        whole.fault("asks for signatures, but no approval is asked for", *keys, "signed_approvals")
    able = policy.able(level)
    held = {role for roles in able.values() for role in roles}
    how = " and a key that may sign approvals" if level.signed_approvals else ""
    nobody = [asked.role for asked in level.approvals if asked.role not in held]
    for role in nobody:
        whole.fault(f"nobody holds this role{how}", *keys, "approvals", role)
    if not nobody and (empty := unfilled(level.places, able)):
        told = f"asks for {len(level.places)} different people, and there are not enough with the role{how}"
        whole.fault(f"{told}: {', '.join(dict.fromkeys(empty))}", *keys, "approvals")


def _check_lifecycle(policy: Policy, whole: Part) -> None:
    stages = policy.lifecycle
    if stages[:1] != (FIRST,) or stages[-1:] != (LAST,) or not all(is_word(stage) for stage in stages):
        whole.fault(f"expected words in their order, from {FIRST} to {LAST}", "lifecycle")
        return
    for level in policy.levels:
        keys = ("levels", level.name, "stage")
        if level.stage not in stages[1:-1]:
            whole.fault(f"is {level.stage[:60]!r}, expected one of {', '.join(stages[1:-1])}", *keys)
            continue
        before = next((other for other in policy.levels if other.name == level.after), level)
        if before.stage in stages and stages.index(before.stage) > stages.index(level.stage):
            whole.fault(f"is {level.stage}, which comes before that of {before.name}", *keys)
    for stage in stages[1:-1]:
        if stage not in {level.stage for level in policy.levels}:
            whole.fault(f"no level leads to {stage}", "lifecycle")


def _check_signers(policy: Policy, whole: Part) -> None:
    if not policy.own_keys and not policy.signers:
        whole.fault("nobody is trusted to sign evidence: expected signers, or own_keys: true", "signers")
    if policy.own_keys and policy.signers:
        whole.fault("are not trusted beside own_keys: true, expected one or the other", "signers")
    seen: dict[str, str] = {}
    for signer in policy.signers:
        keys = ("signers", signer.name)
        if policy.person(signer.owner) is None:
            whole.fault(f"{signer.owner[:200]!r} is not among the people", *keys, "owner")
        first = seen.setdefault(signer.public.id, signer.name)
        if first != signer.name:
            whole.fault(f"is the key of {first!r}, too: a key stands once", *keys, "public")
        if signer.until is not None and signer.until <= signer.since:
            whole.fault("is not after since", *keys, "until")
        if signer.revoked is not None and signer.revoked.at < signer.since:
            whole.fault("is before since", *keys, "revoked", "at")
        for kind in signer.may:
            if kind != APPROVAL and kind not in policy.evidence:
                known = ", ".join([*policy.evidence, APPROVAL])
                whole.fault(f"{kind[:60]!r} is nothing that the policy knows, expected some of {known}", *keys, "may")


def _check_rule(kind: str, rule: EvidenceRule, policy: Policy, whole: Part) -> None:
    if not is_word(kind):
        whole.fault("is no kind of evidence, expected a word of small letters, digits and -", "evidence", kind)
    owners = {signer.owner for signer in policy.signers if kind in signer.may and not signer.revoked}
    if not policy.own_keys and rule.signatures > len(owners):
        told = f"asks for {rule.signatures} different owners of keys, and {len(owners)} may sign {kind}"
        whole.fault(told, "evidence", kind, "signatures")
