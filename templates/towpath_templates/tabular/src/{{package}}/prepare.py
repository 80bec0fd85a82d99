"""Prepare: one record for each person of the survey file."""

from __future__ import annotations

import pandas as pd

from towpath.stages import read_raw, write_prepared

CATEGORIES = ["SCHL", "SEX", "MAR", "RELP", "DIS", "DREM", "ESP", "CIT", "MIG", "MIL"]


def main() -> None:
    write_prepared(prepared(read_raw()))


def prepared(survey: pd.DataFrame) -> pd.DataFrame:
    """The persons of the file, numbered in its order; age is a number, every code stays text."""
    numbers = [f"{number:05d}" for number in range(1, len(survey) + 1)]
    return pd.DataFrame(
        {
            "record_id": numbers,
            "AGEP": pd.to_numeric(survey["AGEP"]),
            **{name: survey[name].str.strip() for name in CATEGORIES},
            "employed": survey["employed"].str.strip(),
            "year": survey["year"].str.strip(),
        }
    )


if __name__ == "__main__":
    main()
