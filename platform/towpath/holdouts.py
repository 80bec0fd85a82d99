"""Which records are held out: at random within each label, whole groups, the latest periods, or whole areas.

A part is one of PARTS for each record, shape (n,), or missing: left out of all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from towpath.stages import PARTS
from towpath_core.errors import Misused, Refused

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["stratified", "grouped", "temporal", "spatial"]
COLUMN = {"grouped": "group", "temporal": "period", "spatial": "block"}
_MEND = "mend params.yaml"


@dataclass(frozen=True, slots=True)
class Holdout:
    """params.yaml, split: the shares of validation and test, and what is held out.

    `hold_out` names groups or blocks that are the test part, in place of `test`; `train_until` and `validation_until`
    name periods, in place of both shares.
    """

    test: float
    validation: float
    seed: int
    kind: Kind = "stratified"
    hold_out: tuple[str, ...] = ()
    train_until: str = ""
    validation_until: str = ""

    @classmethod
    def read(cls, params: Mapping[str, Any]) -> Holdout:
        """Raise Misused for what does not fit."""
        chosen = params.get("split")
        keys = cls.__slots__
        if not isinstance(chosen, Mapping) or not {"test", "validation", "seed"} <= set(chosen):
            raise Misused("params.yaml, split: expected test, validation and seed", hint=_MEND)
        if unknown := sorted(set(map(str, chosen)) - set(keys)):
            raise Misused(f"params.yaml, split: no such key: {', '.join(unknown)}", hint=f"it has {', '.join(keys)}")
        try:
            made = cls(
                test=float(chosen["test"]),
                validation=float(chosen["validation"]),
                seed=int(chosen["seed"]),
                kind=_kind(chosen),
                hold_out=_texts_of(chosen.get("hold_out")),
                train_until=str(chosen.get("train_until") or ""),
                validation_until=str(chosen.get("validation_until") or ""),
            )
        except (TypeError, ValueError) as error:
            raise Misused("params.yaml, split: expected test, validation and seed as numbers", hint=_MEND) from error
        made.check()
        return made

    def check(self) -> None:
        """Raise Misused for shares that leave nothing to train on, and keys of another kind."""
        if not (self.test > 0 and self.validation > 0 and self.test + self.validation < 1):
            why = "test and validation must be shares that leave some records to train"
            raise Misused(f"params.yaml, split: {why}", hint=_MEND)
        if self.hold_out and self.kind not in ("grouped", "spatial"):
            raise Misused(f"params.yaml, split.hold_out: a {self.kind} split holds out no groups", hint=_MEND)
        if (self.train_until or self.validation_until) and self.kind != "temporal":
            raise Misused(f"params.yaml, split.train_until: a {self.kind} split knows no periods", hint=_MEND)
        if bool(self.train_until) != bool(self.validation_until):
            why = "expected both train_until and validation_until, or neither"
            raise Misused(f"params.yaml, split: {why}", hint=_MEND)


def _kind(chosen: Mapping[str, Any]) -> Kind:
    kind = chosen.get("kind", "stratified")
    if kind not in get_args(Kind):
        raise Misused(f"params.yaml, split.kind: {kind!r}", hint=f"expected one of {', '.join(get_args(Kind))}")
    return cast(Kind, kind)


def _texts_of(names: object) -> tuple[str, ...]:
    if names is None:
        return ()
    if not isinstance(names, list) or not names:
        raise Misused("params.yaml, split.hold_out: expected a list of groups or blocks", hint=_MEND)
    return tuple(map(str, names))


def parts(
    holdout: Holdout, keys: pd.Series[str], labels: pd.Series[str], units: pd.Series[Any] | None = None
) -> pd.Series[Any]:
    """The part of each record; `keys`, `labels` and `units`, the column that the kind asks for, are all (n,).

    Records with equal keys are the same for the model. Where they fall into different parts, those of the later part
    (train, validation, test) are left out, so that no answer is known before: `stratified` never divides them.

    Raises: Refused for records without a period or block, and where a part would be empty.
    """
    if holdout.kind == "stratified":
        return stratified(keys, labels, test=holdout.test, validation=holdout.validation, seed=holdout.seed)
    assert units is not None
    places = _latest(holdout, units) if holdout.kind == "temporal" else _whole(holdout, _named(holdout, units, keys))
    left = _without_repeats(places, keys)
    if empty := [part for part in PARTS if not (left == part).any()]:
        raise Refused(
            f"the {holdout.kind} split leaves no records for {', '.join(empty)}: "
            "all that fall there are, for the model, the same as records of an earlier part",
            hint=_MEND,
        )
    return left


def stratified(
    keys: pd.Series[str], labels: pd.Series[str], *, test: float, validation: float, seed: int
) -> pd.Series[str]:
    """Within each label, keys are ordered by a seeded hash and cut by shares.

    A key's place depends on itself and the seed alone, so records that come later move few others. A label with one
    key only goes to train: it could not be learnt otherwise.
    """
    import pandas as pd

    first = pd.DataFrame({"key": keys, "label": labels}).drop_duplicates("key")
    first["order"] = [_hash(seed, "key", key) for key in first["key"]]
    first = first.sort_values(["label", "order"])
    size = first.groupby("label")["key"].transform("size")
    rank = first.groupby("label").cumcount()
    # A label of few keys is rounded up or down by its own seeded hash, so that the shares hold over all of them.
    rounding = {part: first["label"].map(lambda label, part=part: _hash(seed, part, label)) for part in ("t", "v")}
    n_test = (size * test + rounding["t"]).astype(int).clip(upper=size - 1)
    n_validation = (size * validation + rounding["v"]).astype(int).clip(upper=size - 1 - n_test)
    first["part"] = "train"
    first.loc[rank < n_test, "part"] = "test"
    first.loc[(rank >= n_test) & (rank < n_test + n_validation), "part"] = "validation"
    return keys.map(first.set_index("key")["part"])


def _whole(holdout: Holdout, units: pd.Series[str]) -> pd.Series[Any]:
    """Each group in one part: in the order of a seeded hash, test and then validation take what still fits."""
    size = units.value_counts()
    held = set(holdout.hold_out)
    if strays := sorted(held - set(size.index)):
        raise Misused(f"params.yaml, split.hold_out: no record has {', '.join(strays)}", hint=_MEND)
    place = dict.fromkeys(held, "test")
    room = {} if held else {"test": holdout.test * len(units)}
    room["validation"] = holdout.validation * len(units)
    for unit in sorted(set(size.index) - held, key=lambda name: _hash(holdout.seed, "unit", name)):
        n = int(size[unit])
        place[unit] = next((part for part, left in room.items() if n / 2 <= left), "train")
        if place[unit] != "train":
            room[place[unit]] -= n
    if len(set(place.values())) < len(PARTS):
        what = f"{len(size)} {COLUMN[holdout.kind]}s, the largest with {size.max() / len(units):.0%} of the records"
        raise Refused(f"{what}, cannot be divided into {', '.join(PARTS)}", hint=_MEND)
    placed: pd.Series[Any] = units.map(place)
    return placed


def _latest(holdout: Holdout, periods: pd.Series[Any]) -> pd.Series[Any]:
    """Test is what is latest, validation what comes before it; a period is never divided."""
    import numpy as np
    import pandas as pd

    from towpath_checks.periods import end, ends

    day = ends(periods)
    _complete(day.notna(), holdout, "that can be read as a period")
    if holdout.train_until:
        cuts = [end(text) for text in (holdout.train_until, holdout.validation_until)]
        if None in cuts or not cuts[0] < cuts[1]:  # type: ignore[operator] # a missing one is told first
            why = "expected two periods, train_until before validation_until, such as 2022-Q4 and 2023-Q2"
            raise Misused(f"params.yaml, split: {why}", hint=_MEND)
        first, second = (pd.Timestamp(str(cut)) for cut in cuts)
    else:
        days, n = np.unique(day.to_numpy(), return_counts=True)
        if len(days) < len(PARTS):
            raise Refused(f"{len(days)} periods cannot be divided into {', '.join(PARTS)}", hint=_MEND)
        until = n.cumsum() / n.sum()
        second_at = min(int(np.abs(until[1:-1] - (1 - holdout.test)).argmin()) + 1, len(days) - 2)
        first_at = int(np.abs(until[:second_at] - (1 - holdout.test - holdout.validation)).argmin())
        first, second = pd.Timestamp(days[first_at]), pd.Timestamp(days[second_at])
    found = np.where(day <= first, "train", np.where(day <= second, "validation", "test"))
    if empty := [part for part in PARTS if part not in found]:
        raise Refused(f"no record lies in the periods for {', '.join(empty)}", hint=_MEND)
    return pd.Series(found, index=periods.index)


def _named(holdout: Holdout, units: pd.Series[Any], keys: pd.Series[str]) -> pd.Series[str]:
    """The name of each record's group or block; a record without a group is one of its own, as for the rules."""
    from towpath_checks.dataset import plain

    names = plain(units).set_axis(units.index)
    if holdout.kind == "grouped":
        return names.where(names != "", "\0" + keys.astype("str"))
    _complete(names != "", holdout, f"that says its {COLUMN[holdout.kind]}")
    return names


def _complete(there: pd.Series[bool], holdout: Holdout, what: str) -> None:
    if not there.all():
        column = f"the column of towpath.yaml, data.{COLUMN[holdout.kind]}"
        raise Refused(
            f"{int((~there).sum())} of {len(there)} records have nothing {what}",
            hint=f"fill {column}, in src/…/prepare.py",
        )


def _without_repeats(places: pd.Series[Any], keys: pd.Series[str]) -> pd.Series[Any]:
    rank = places.map({part: i for i, part in enumerate(PARTS)})
    return places.where(rank == rank.groupby(keys).transform("min"))


def _hash(seed: int, what: str, text: str) -> float:
    """At least 0 and less than 1, evenly spread."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{what}:{text}".encode(), digest_size=6).digest(), "big") / 2**48
