"""The door to Spark: a table's files as a Spark frame, for what outgrows one machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from towpath_core.errors import CouldNot, Misused

if TYPE_CHECKING:
    from towpath_checks.tables import Table


@contextmanager
def frame(table: Table) -> Iterator[Any]:
    """Of Parquet or CSV files; every cell of a CSV file is text, an empty one is missing.

    The session is the running one, or one that spark-submit's own settings (SPARK_HOME, SPARK_CONF_DIR) make; one that
    was made here is stopped. Raises: CouldNot without pyspark or Java, Misused for another kind of table.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise CouldNot("there is no pyspark", hint="pip install 'towpath[spark]'; it needs Java 17 or later") from None
    files = [str(path.absolute()) for path in table.source.files]
    kind = files[0].rpartition(".")[2] if files else ""
    if kind not in ("parquet", "csv", "gz"):
        raise Misused(f"Spark cannot read {table.shown} here", hint="give Parquet or CSV files, or --engine auto")
    running = SparkSession.getActiveSession()
    try:
        quiet = SparkSession.builder.appName("towpath check").config("spark.ui.showConsoleProgress", "false")
        session = running or quiet.getOrCreate()
        session.sparkContext.setLogLevel("OFF")  # its messages can hold values
    except Exception as error:  # noqa: BLE001 (a Java that is missing or too old, in many forms)
        raise CouldNot(f"Spark does not start: {type(error).__name__}", hint="it needs Java 17 or later") from None
    try:
        csv = {"header": True, "nullValue": "", "multiLine": True, "escape": '"', "mode": "FAILFAST"}
        yield session.read.parquet(*files) if kind == "parquet" else session.read.csv(files, **csv)
    finally:
        if running is None:
            session.stop()
