"""Divide the training waves into train, validation and test: stratified by label, equal records kept together."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from towpath import project as projects
from towpath import stages, tasks
from towpath_core.errors import Misused, Refused
from towpath_core.files import write_json, written_whole

if TYPE_CHECKING:
    import pandas as pd

    from towpath.project import Project


def main() -> None:
    split(projects.load())


def split(project: Project) -> None:
    """Write data/splits.parquet (record id and part) and reports/leakage.json. Raises: Refused on leakage."""
    from towpath.checking import dataset
    from towpath_checks import rules

    settings = _settings(stages.params())
    data = project.settings.data
    records = stages.prepared(project)
    records = records[records[data.wave].isin(data.train_waves)].reset_index(drop=True)
    if not len(records):
        raise Misused(
            f"no record has a {data.wave} of {', '.join(data.train_waves)}",
            hint="mend towpath.yaml, data.train_waves",
        )
    keys = tasks.find(project.settings.task).keys(project, records)
    parts = assign(keys, records[data.target], **settings)
    table = records[[data.record_id]].assign(part=parts)
    with written_whole(project.splits) as part:
        table.to_parquet(part, index=False)
    leakage = rules.make("leakage", project.settings.checks.rules.get("leakage", {}))
    finding = leakage.judge(dataset(project, records, splits=table))
    write_json(project.reports / "leakage.json", finding.as_dict())
    if not finding.passed:
        raise Refused(f"the split leaks: {finding.got}")


def assign(
    keys: pd.Series[str], labels: pd.Series[str], *, test: float, validation: float, seed: int
) -> pd.Series[str]:
    """The part of each record, shape (n,): within each label, keys are ordered by a seeded hash and cut by shares.

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


def _hash(seed: int, what: str, text: str) -> float:
    """At least 0 and less than 1, evenly spread."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{what}:{text}".encode(), digest_size=6).digest(), "big") / 2**48


def _settings(params: dict[str, Any]) -> dict[str, Any]:
    try:
        chosen = dict(params["split"])
        settings = {**{part: float(chosen[part]) for part in ("test", "validation")}, "seed": int(chosen["seed"])}
    except (KeyError, TypeError, ValueError) as error:
        raise Misused("params.yaml, split: expected test, validation and seed", hint="mend params.yaml") from error
    if not (settings["test"] > 0 and settings["validation"] > 0 and settings["test"] + settings["validation"] < 1):
        raise Misused(
            "params.yaml, split: test and validation must be shares that leave some records to train",
            hint="mend params.yaml",
        )
    return settings


if __name__ == "__main__":
    main()
