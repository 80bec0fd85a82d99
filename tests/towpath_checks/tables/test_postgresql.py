"""A table of PostgreSQL: the same records as elsewhere, read in a transaction that can change nothing."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from decimal import Decimal

import pandas as pd
import pytest

from postgres import Postgres, binaries, cluster
from towpath_checks.tables import open_table, postgresql
from towpath_core.errors import CouldNot, Refused

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(binaries() is None and os.environ.get("CI") != "true", reason="no PostgreSQL on this machine"),
]
ROWS = 50_000
MADE = f"""
CREATE SCHEMA wave;
CREATE TABLE wave.records AS SELECT lpad(i::text, 5, '0') AS record_id, nullif(i % 7, 0)::smallint AS small,
 i::bigint * 1000000007 AS big, (i / 8.0)::float8 AS real, (i / 100.0)::numeric(12, 2) AS exact, i / 3.0 AS any_numeric,
 i % 2 = 0 AS even, DATE '2026-01-01' + i % 100 AS day, TIMESTAMPTZ '2026-01-01 12:00+02' AS moment,
 ARRAY[i] AS listed, 'jane canary doe' AS text
 FROM generate_series(1, {ROWS}) i;
CREATE VIEW "odd ""name" AS SELECT record_id FROM wave.records LIMIT 2;
CREATE TABLE endless (day date);
INSERT INTO endless VALUES ('infinity');
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with cluster() as running:
        with running.session("postgres") as session:
            session.execute("CREATE DATABASE office")
        with running.session("office") as session:
            session.execute(MADE)
        yield running


def address(server: Postgres, table: str) -> str:
    return f"postgresql://postgres@/office?host={server.folder}::{table}"


def test_columns_have_their_types_and_what_has_none_is_text(server: Postgres) -> None:
    with open_table(address(server, "wave.records")) as table:
        assert table.rows == ROWS > 2 * postgresql._BATCH
        assert table.digest is None
        frame = table.frame()
    first = frame.iloc[0].to_dict()
    assert first["record_id"] == "00001"
    assert (first["small"], first["big"], first["real"]) == (1, 1000000007, 0.125)
    assert first["exact"] == Decimal("0.01")
    assert first["any_numeric"] == "0.33333333333333333333"
    assert (first["even"], first["day"]) == (False, dt.date(2026, 1, 2))
    assert first["moment"] == pd.Timestamp("2026-01-01 10:00", tz="UTC")
    assert first["listed"] == "{1}"
    assert frame["small"].isna().sum() == ROWS // 7


def test_it_is_called_without_its_user_and_where_its_socket_lies(server: Postgres) -> None:
    assert open_table(address(server, "wave.records")).shown == "postgresql:///office::wave.records"


def test_a_view_with_an_odd_name_is_read(server: Postgres) -> None:
    with open_table(address(server, 'odd "name')) as table:
        assert table.frame()["record_id"].tolist() == ["00001", "00002"]


def test_what_is_not_there_is_told(server: Postgres) -> None:
    with open_table(address(server, "wave.people")) as table, pytest.raises(Refused, match=r"no table wave\.people"):
        _ = table.rows
    with open_table(address(server, "t").replace("office", "attic")) as table, pytest.raises(CouldNot) as away:
        _ = table.rows
    assert "cannot read postgresql:///attic::public.t" in away.value.message
    assert str(server.folder) not in away.value.message


def test_a_value_that_no_type_holds_is_refused(server: Postgres) -> None:
    with open_table(address(server, "endless")) as table, pytest.raises(CouldNot) as refused:
        _ = table.rows
    assert "infinity" not in refused.value.message


def test_nothing_of_the_data_is_told_when_reading_breaks(server: Postgres) -> None:
    with server.session("office") as session:
        session.execute("CREATE OR REPLACE VIEW broken AS SELECT text::integer AS n FROM wave.records")
    with open_table(address(server, "broken")) as table, pytest.raises(CouldNot) as broken:
        _ = table.rows
    assert "canary" not in broken.value.message + broken.value.hint
