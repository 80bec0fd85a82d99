"""Prepare: one record for each title of the coding index."""

from __future__ import annotations

import pandas as pd

from towpath.stages import read_raw, write_prepared

# Titles that the index gives twice, with two unit groups: left out until a person has decided.
UNDECIDED = ["joiner machinist", "joiner-machinist", "midwife tutor", "midwife-tutor"]


def main() -> None:
    write_prepared(prepared(read_raw()))


def prepared(index: pd.DataFrame) -> pd.DataFrame:
    """The records of the index, numbered in its order; codes stay text, so that leading zeros are kept."""
    numbers = [f"{number:05d}" for number in range(1, len(index) + 1)]
    records = pd.DataFrame(
        {
            "record_id": numbers,
            "text": index["text"].str.strip(),
            "code": index["soc2010"].str.strip(),
            "wave": index["added"].str.strip(),
        }
    )
    return records[~records["text"].isin(UNDECIDED)]


if __name__ == "__main__":
    main()
