"""A suite of ten expectations over Parquet, process start to verdict, beside plain Great Expectations on pandas.

    python benchmarks/checks.py [--quick]

5 M records of 7 columns; the suite is one that towpath has seen before (a new one is shown to Great Expectations once,
which takes as long as importing it). Both sides give a verdict for each expectation, and they are compared: two of the
ten fail. Unchanged data are found by their digest. The large table has 100 M records of the same columns, its
ids in no order; its figure is the peak of the resident set. With --quick: 1 M records, no large table.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from _common import BIN, QUIET, Row, interleaved, publish

RECORDS, QUICK, LARGE = 5_000_000, 1_000_000, 100_000_000
FASTER, UNCHANGED, PEAK = 8.0, 0.3, 2.0
RUNS = 3
# Each id once, as a file has them that was sorted or counted; and in no order, which is more work to find unique.
ASCENDING, MIXED = "i", "(i * 2654435761) % 4294967296"
_MAKE = """COPY (SELECT {record_id} AS record_id, lpad((hash(i) % 9000 + 1000)::VARCHAR, 4, '0') AS code,
 'title ' || (hash(i + 1) % 50000) AS text, CASE WHEN i % 50 = 0 THEN NULL ELSE hash(i + 2) % 100 END::INTEGER AS age,
 CASE WHEN i % 20 = 0 THEN NULL ELSE hash(i + 3) % 10000000 / 100 END::DOUBLE AS income,
 CASE hash(i + 4) % 3 WHEN 0 THEN 'f' WHEN 1 THEN 'm' ELSE 'x' END AS sex,
 DATE '2020-01-01' + (i % 1500)::INTEGER AS day FROM range({records}) t(i)) TO '{path}' (FORMAT parquet)"""
_PEER = """import json, sys, warnings
warnings.simplefilter("ignore")
import great_expectations as gx, pandas as pd
from great_expectations.data_context.types.base import ProgressBarsConfig
context = gx.get_context(mode="ephemeral")
context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
content = json.load(open(sys.argv[1]))
for place, one in enumerate(content["expectations"]): one["meta"] = {"place": place}
suite = gx.ExpectationSuite(**content)
asset = context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("b")
result = asset.get_batch({"dataframe": pd.read_parquet(sys.argv[2])}).validate(suite, result_format="SUMMARY")
found = sorted((r.expectation_config.meta["place"], r.success) for r in result.results)
print(json.dumps([success for _, success in found]))"""


def main() -> None:
    quick = "--quick" in sys.argv[1:]
    records = QUICK if quick else RECORDS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environ = {**os.environ, **QUIET, "TOWPATH_HOME": str(folder / "home")}
        suite, data, mixed = folder / "suite.json", folder / "records.parquet", folder / "mixed.parquet"
        suite.write_text(json.dumps({"name": "records", "expectations": expectations(records)}))
        made(data, records)
        made(mixed, records, MIXED)
        remembered = (str(BIN / "towpath"), "check", str(data), "--suite", str(suite), "--json")
        ours, peer = (*remembered, "--again"), (sys.executable, "-c", _PEER, str(suite), str(data))
        harder = (*(str(mixed) if part == str(data) else part for part in ours),)
        harder_peer = (*peer[:-1], str(mixed))
        rows = [same_verdicts(ours, peer, environ)]
        wrapped = {
            what: _any_verdict(command) for what, command in (("ours", ours), ("mixed", harder), ("again", remembered))
        }
        times = interleaved({**wrapped, "gx": peer, "gx, mixed": harder_peer}, 2 if quick else RUNS, environ)
        millions = f"{records / 1e6:.0f} M records"
        rows += [
            faster(f"{millions}, 10 expectations", times["ours"].median, times["gx"].median),
            faster(f"{millions}, ids in no order", times["mixed"].median, times["gx, mixed"].median),
            unchanged(f"{millions}, unchanged", times["again"].median),
        ]
        rows += [] if quick else [large(folder, environ)]
    packages = ("towpath", "great-expectations", "duckdb", "pandas", "pyarrow")
    publish("checks", rows, packages, {"times": {name: asdict(found) for name, found in times.items()}})


def expectations(records: int) -> list[dict[str, Any]]:
    """Ten, of the kinds that suites are made of; the fourth and the last fail."""
    asked: list[tuple[str, dict[str, Any]]] = [
        ("column_values_to_not_be_null", {"column": "record_id"}),
        ("column_values_to_be_unique", {"column": "record_id"}),
        ("column_values_to_be_between", {"column": "age", "min_value": 0, "max_value": 120}),
        ("column_values_to_be_in_set", {"column": "sex", "value_set": ["f", "m"]}),
        ("column_values_to_match_regex", {"column": "code", "regex": "^[0-9]{4}$"}),
        ("column_value_lengths_to_be_between", {"column": "text", "min_value": 1, "max_value": 60}),
        ("column_mean_to_be_between", {"column": "income", "min_value": 1000, "max_value": 90000}),
        ("column_values_to_not_be_null", {"column": "income", "mostly": 0.9}),
        ("table_row_count_to_be_between", {"min_value": records, "max_value": records}),
        ("column_max_to_be_between", {"column": "income", "min_value": 0, "max_value": 5000}),
    ]
    return [{"type": f"expect_{kind}", "kwargs": kwargs} for kind, kwargs in asked]


def made(path: Path, records: int, record_id: str = ASCENDING) -> None:
    import duckdb

    with duckdb.connect(config={"memory_limit": "1GiB", "temp_directory": str(path.parent / "scratch")}) as base:
        base.execute(_MAKE.format(records=records, path=path, record_id=record_id))


def same_verdicts(ours: Sequence[str], peer: Sequence[str], environ: Mapping[str, str]) -> Row:
    """How many verdicts are the same; the run before it is measured is also what towpath sees the suite in."""
    report = json.loads(subprocess.run(ours, env=environ, capture_output=True, check=False).stdout)
    mine = [finding["passed"] for finding in report["findings"]]
    theirs = json.loads(subprocess.run(peer, env=environ, capture_output=True, check=True).stdout)
    same = sum(one is other for one, other in zip(mine, theirs, strict=True))
    met = same == len(theirs) and len(set(theirs)) == 2
    return Row("verdicts, the same as the peer's", same, "of 10", "all", met, len(theirs), "great-expectations, pandas")


def faster(figure: str, ours: float, peer: float) -> Row:
    goal = f"at least {FASTER:.0f} times as fast"
    return Row(figure, ours, "s", goal, ours * FASTER <= peer, peer, "great-expectations, pandas")


def unchanged(figure: str, ours: float) -> Row:
    return Row(figure, ours, "s", f"at most {UNCHANGED} s", ours <= UNCHANGED)


def large(folder: Path, environ: Mapping[str, str]) -> Row:
    path, suite = folder / "large.parquet", folder / "large.json"
    made(path, LARGE, MIXED)
    suite.write_text(json.dumps({"name": "records", "expectations": expectations(LARGE)}))
    command = (str(BIN / "towpath"), "check", str(path), "--suite", str(suite), "--json")
    peak = peak_of(command, environ)
    return Row("100 M records, peak memory", peak, "GiB", f"under {PEAK:.0f} GiB", peak < PEAK)


def peak_of(command: Sequence[str], environ: Mapping[str, str]) -> float:
    """GiB of the resident set, at its peak, of one process."""
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        report = json.loads(process.stdout.read())
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    assert sum(finding["passed"] is True for finding in report["findings"]) == 8
    return usage.ru_maxrss / 2**20


def _any_verdict(command: Sequence[str]) -> tuple[str, ...]:
    """The checks say with exit code 1 that the data are not fit, which is no failure of the measurement."""
    return ("sh", "-c", '"$@"; test $? -eq 1', "sh", *command)


if __name__ == "__main__":
    main()
