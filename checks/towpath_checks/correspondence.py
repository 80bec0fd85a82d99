"""A table that leads from the codes of one nomenclature version to those of the next.

Of an old code with one new one, the label is recoded: 1:1, or n:1 where others lead there too. An old code with several
new ones is for a person: no rule knows which of them a record belongs to. See the correspondence tables of the United
Nations Statistics Division (https://unstats.un.org/unsd/classifications) for the form.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from towpath_core.errors import CouldNot, Misused, NotFound

ONE, MANY, SPLIT, GONE, UNKNOWN, MISSING = "1:1", "n:1", "1:n", "1:0", "unknown", "missing"
KINDS = (ONE, MANY, SPLIT, GONE, UNKNOWN, MISSING)
RECODED = (ONE, MANY)
_VERSIONS = ("from_version", "to_version")


@dataclass(frozen=True, slots=True)
class Correspondence:
    """Old code → its new codes, none where it is gone. The versions are empty where the table does not name them."""

    codes: Mapping[str, tuple[str, ...]]
    to_many: frozenset[str]  # new codes to which more than one old code leads
    from_version: str = ""
    to_version: str = ""

    def kind(self, code: str) -> str:
        """One of KINDS; an empty code is a missing one."""
        if not code:
            return MISSING
        if code not in self.codes:
            return UNKNOWN
        new = self.codes[code]
        if len(new) != 1:
            return SPLIT if new else GONE
        return MANY if new[0] in self.to_many else ONE

    def new(self, code: str) -> str:
        """The one new code. Raises: KeyError for a code that has none or several."""
        if self.kind(code) not in RECODED:
            raise KeyError(code)
        return self.codes[code][0]


def read(path: Path, shown: str = "") -> Correspondence:
    """A CSV in UTF-8 with the columns from_code and to_code, and if it has them from_version and to_version.

    Raises: NotFound, CouldNot if it cannot be read, Misused with the line for what is no such table.
    """
    file = shown or path.name
    if not path.is_file():
        raise NotFound(f"there is no correspondence table {file}", hint="give the path of a CSV: from_code, to_code")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream, strict=True)
            if missing := [name for name in ("from_code", "to_code") if name not in (rows.fieldnames or ())]:
                raise Misused(f"{file} has no column {', '.join(missing)}", hint=f"mend {file}")
            return _table([(rows.line_num, row) for row in rows], file)
    except (UnicodeDecodeError, csv.Error) as error:
        raise Misused(f"{file} is no CSV file in UTF-8", hint=f"mend {file}") from error
    except OSError as error:
        raise CouldNot(f"cannot read {file}: {error.strerror}") from error


def _table(rows: list[tuple[int, dict[str, str]]], file: str) -> Correspondence:
    codes: dict[str, list[str]] = {}
    for line, row in rows:
        old, new = (row["from_code"] or "").strip(), (row["to_code"] or "").strip()
        if not old or None in row or None in row.values():
            raise Misused(
                f"{file}, line {line}: expected a from_code, and as many cells as columns", hint=f"mend {file}"
            )
        if new in codes.setdefault(old, []):
            raise Misused(f"{file}, line {line}: the code {old} leads there twice", hint=f"mend {file}")
        codes[old].append(new)
    if not codes:
        raise Misused(f"{file} has no line", hint=f"mend {file}")
    if wrong := [old for old, new in codes.items() if "" in new and len(new) > 1]:
        raise Misused(f"{file}: the code {wrong[0]} leads nowhere and somewhere", hint=f"mend {file}")
    from_version, to_version = (_version([row for _, row in rows], name, file) for name in _VERSIONS)
    ready = {old: tuple(code for code in new if code) for old, new in codes.items()}
    return Correspondence(ready, _many(ready.values()), from_version, to_version)


def _many(all_new: Iterable[tuple[str, ...]]) -> frozenset[str]:
    once: set[str] = set()
    many: set[str] = set()
    for new in all_new:
        many |= once & set(new)
        once |= set(new)
    return frozenset(many)


def _version(rows: list[dict[str, str]], name: str, file: str) -> str:
    found = sorted({(row.get(name) or "").strip() for row in rows})
    if len(found) > 1:
        raise Misused(f"{file}: {name} has {len(found)} values, expected one", hint="one table for each revision")
    return found[0]
