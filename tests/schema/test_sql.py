"""The SQL of tables runs in DuckDB, on columns of the Arrow types."""

from __future__ import annotations

# ruff: noqa: S608 - names of test tables are put into test queries
import duckdb
import pyarrow as pa
import pytest

from netlake import tables
from netlake.schema import SCALARS, Column, List, Struct, Table, arrow, docs, sql

INNER = Struct((Column("name", "text", 'A "quoted" person\'s name.', why="a test"),))
COLUMNS = (
    *(Column(f"a_{kind}", kind, f"A {kind}.", why="a test") for kind in SCALARS),
    Column("group", List(INNER), "A word of SQL, and a person's.", why="a test"),
    Column("order", INNER, "Another.", why="a test"),
)
PACKET = Table("packet", "One row for each packet.", "none", (), (), context="packet")
EVERY = Table("every_kind", "One row.", "none", ("ether.type=1",), COLUMNS, context="record")
ADDRESSED = Table("addressed", "One row.", "none", (), COLUMNS, context="network")
OWN = (PACKET, EVERY, ADDRESSED)


def connect(every: tuple[Table, ...]) -> duckdb.DuckDBPyConnection:
    """A connection with an empty table NAME_rows for each table, and its view."""
    connection = duckdb.connect()
    for table in every:
        empty = arrow.schema(table).empty_table()
        connection.register("empty", empty)
        connection.execute(f'CREATE TABLE "{table.name}_rows" AS SELECT * FROM empty')
        connection.execute(sql.view(table, sql.name(f"{table.name}_rows")))
        for statement in sql.comments(table):
            connection.execute(statement)
    return connection


@pytest.mark.parametrize("every", [OWN, tables.declared()], ids=["of this test", "of netlake"])
def test_views_have_columns_types_and_comments(every: tuple[Table, ...]) -> None:
    connection = connect(every)
    for table in every:
        query = "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index"
        found = connection.execute(query, [table.name]).fetchall()
        assert found == [(column.name, column.doc) for column in table.all_columns]
        for column in table.all_columns:
            declared = connection.execute(
                f"SELECT typeof(x) FROM (SELECT NULL::{sql.type_of(column.kind)} AS x)"
            ).fetchone()
            stored = connection.execute(
                f"SELECT typeof(any_value({sql.name(column.name)})) FROM {sql.name(table.name)}"
            ).fetchone()
            assert declared == stored, column.name


@pytest.mark.parametrize("table", [EVERY, ADDRESSED], ids=lambda table: table.name)
def test_joined_view_has_flow_of_packet(table: Table) -> None:
    connection = connect(OWN)
    connection.execute(sql.joined(table))
    for statement in sql.joined_comments(table):
        connection.execute(statement)
    for capture, flow in (("aa", 7), ("bb", 8)):
        connection.execute(
            f"INSERT INTO packet_rows BY NAME SELECT '{capture}' AS capture, 1 AS packet, 0 AS place, {flow} AS flow,"
            " '10.0.0.1' AS src_ip"
        )
    connection.execute(
        f"INSERT INTO {table.name}_rows BY NAME SELECT * FROM (VALUES ('aa', 1, 0), ('aa', 1, 1), ('bb', 2, 0))"
        " AS v(capture, packet, place)"
    )
    address = "flow_src_ip" if table is ADDRESSED else "src_ip"
    rows = connection.sql(
        f"SELECT capture, packet, place, flow, {address} FROM {table.name}_joined ORDER BY ALL"
    ).fetchall()
    assert rows == [("aa", 1, 0, 7, "10.0.0.1"), ("aa", 1, 1, 7, "10.0.0.1"), ("bb", 2, 0, None, None)]


def test_table_with_flow_is_not_joined() -> None:
    with pytest.raises(ValueError, match="table packet"):
        sql.joined(PACKET)


@pytest.mark.parametrize("every", [OWN, tables.declared()], ids=["of this test", "of netlake"])
def test_example_queries_run(every: tuple[Table, ...]) -> None:
    connection = connect(every if PACKET.name in {table.name for table in every} else (*every, PACKET))
    for table in every:
        found = list(docs.questions(table))
        assert found
        for _, query in found:
            assert isinstance(connection.sql(query).to_arrow_table(), pa.Table)


def test_reserved_words_are_quoted() -> None:
    query = "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category = 'reserved'"
    words = {word for (word,) in duckdb.sql(query).fetchall()}
    assert words <= sql.RESERVED
    assert (sql.bare("order"), sql.bare("orders")) == ('"order"', "orders")
    assert (sql.name('a"b'), sql.literal("it's")) == ('"a""b"', "'it''s'")
