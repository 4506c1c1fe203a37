"""Views that protocols declare: a statement can name them like tables."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import click
import pytest

import netlake
from netlake import tables
from netlake.cli import options
from netlake.cli.dump import command
from netlake.errors import OptionError, QueryError
from netlake.query.dump import Dump
from netlake.query.snapshot import Snapshot
from netlake.query.views import columns
from netlake.schema import SCALARS, Table
from netlake.streams.http.tables import REQUEST, RESPONSE
from netlake.streams.http2 import HTTP2_STREAM
from tests.query import lakes


def lake_of(tmp_path: Path) -> netlake.Lake:
    requests = [
        {"flow": 1, "exchange": 0, "uri": "/a", "src_ip": "192.0.2.1", "dst_ip": "192.0.2.2", "dst_port": 80},
        {"flow": 1, "exchange": 1, "uri": "/b", "src_ip": "192.0.2.1"},
    ]
    responses = [
        {"flow": 1, "exchange": 0, "status": 100, "src_ip": "192.0.2.2"},
        {"flow": 1, "exchange": 0, "status": 200, "src_ip": "192.0.2.2", "dst_ip": "192.0.2.1"},
        {"flow": 2, "exchange": 0, "status": 404, "src_ip": "192.0.2.2", "src_port": 80},
    ]
    lakes.commit(tmp_path / "lake", "a" * 16, {REQUEST: requests, RESPONSE: responses})
    return netlake.Lake(tmp_path / "lake")


def test_http_joins_requests_and_responses(tmp_path: Path) -> None:
    """A request without a response and a response without a request are rows; interim responses are not."""
    lake = lake_of(tmp_path)
    found = lake.sql("SELECT flow, exchange, uri, status, client_ip, server_ip, server_port FROM HTTP ORDER BY ALL")
    assert found.rows() == [
        (1, 0, "/a", 200, "192.0.2.1", "192.0.2.2", 80),
        (1, 1, "/b", None, "192.0.2.1", None, None),
        (2, 0, None, 404, None, "192.0.2.2", 80),
    ]
    assert lake.sql("SELECT count(*) FROM http JOIN http_request USING (capture, flow, exchange)").rows() == [(2,)]


def test_http_has_streams_of_http2(tmp_path: Path) -> None:
    """The client of a pushed request, and of a response without a request, receives the first packet."""
    ends = {"src_ip": "192.0.2.1", "src_port": 1000, "dst_ip": "192.0.2.2", "dst_port": 80}
    back = {"src_ip": "192.0.2.2", "src_port": 80, "dst_ip": "192.0.2.1", "dst_port": 1000}
    rows = [
        {"flow": 1, "stream_id": 1, "path": "/a", "status": 200, "packet": 5, "request_body_length": 0, **ends},
        {"flow": 1, "stream_id": 2, "path": "/b", "pushed": True, "packet": 6, "request_body_length": 0, **back},
        {"flow": 1, "stream_id": 3, "status": 404, "packet": 7, "response_packet": 7, **back},
    ]
    lakes.commit(tmp_path / "lake", "a" * 16, {HTTP2_STREAM: rows})
    lake = netlake.Lake(tmp_path / "lake")
    found = lake.sql("SELECT exchange, version, uri, status, client_ip, client_port, server_ip FROM http ORDER BY 1")
    client = ("192.0.2.1", 1000, "192.0.2.2")
    assert found.rows() == [
        (1, "HTTP/2", "/a", 200, *client),
        (2, "HTTP/2", "/b", None, *client),
        (3, "HTTP/2", None, 404, *client),
    ]


def test_views_are_listed_and_described(tmp_path: Path) -> None:
    lake = lake_of(tmp_path)
    assert ("http",) in lake.sql("SHOW TABLES").rows()
    found = lake.sql(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'http' AND table_schema = 'main'"
    ).rows()
    assert [name for (name,) in found] == list(lake.columns("http"))
    assert lake.columns("http")["status"][0] == "INTEGER"


@pytest.mark.parametrize("names", [("http",), ("http", "http_request"), ()])
def test_connect_has_views(tmp_path: Path, names: tuple[str, ...]) -> None:
    connection = lake_of(tmp_path).connect(*names)
    assert connection.execute("SELECT count(*), count(uri) FROM http").fetchall() == [(3, 2)]


def test_dump_of_a_view(tmp_path: Path) -> None:
    snapshot = lake_of(tmp_path)._snapshot()
    assert Dump("http", select=("uri",), limit=1).sql(snapshot) == 'SELECT "uri"\nFROM "http"\nLIMIT 1'
    with pytest.raises(OptionError, match="urri"):
        Dump("http", select=("urri",)).sql(snapshot)


def test_names_of_views_are_completed_and_suggested(tmp_path: Path) -> None:
    context = click.Context(command)
    assert "http" in {item.value for item in options.view_names(context, command.params[0], "htt")}
    with pytest.raises(QueryError, match=r"nearest .*http"):
        lake_of(tmp_path).sql("SELECT * FROM htpp")


def test_views_in_schemas(tmp_path: Path) -> None:
    """They are found by name and by column, joined, and read again on the same connection."""
    lake = lake_of(tmp_path)
    for _ in range(2):
        found = lake.sql('SELECT method IS NULL, status_code, h."id.resp_h" FROM Zeek."http" h ORDER BY ALL').rows()
        assert found == [(True, 200, "192.0.2.2"), (True, 404, "192.0.2.2"), (True, None, None)]
    joined = lake.sql(
        "SELECT count(*) FROM zeek.http h JOIN ecs.http e ON h.uid = 'C' || split_part(\"event.id\", '.', 1) "
        "|| '.' || split_part(\"event.id\", '.', 2) JOIN http_request ON uid = zeek_uid(capture, flow)"
    )
    assert joined.rows()[0][0] > 0
    context = click.Context(command)
    assert "zeek.http" in {item.value for item in options.view_names(context, command.params[0], "zeek.h")}
    context.params["table"] = "zeek.http"
    assert "trans_depth" in {item.value for item in options.column_names(context, command.params[0], "trans")}
    with pytest.raises(QueryError, match=r"nearest .*zeek\.http"):
        lake.sql("SELECT * FROM zeek.htp")
    assert lake.connect("zeek.http").execute("SELECT count(*) FROM zeek.http").fetchall() == [(3,)]


def test_tables_that_views_read() -> None:
    assert {"http_request", "http2_stream"} <= tables.read_by(tables.views()["ecs.http"])


def test_unknown_names_are_still_errors(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="htttp"):
        lake_of(tmp_path).sql("SELECT * FROM htttp")


def test_views_have_names_of_their_own_and_known_tables() -> None:
    known = tables.entries()
    own = {name for name, view in tables.views().items() if not view.schema}
    assert own == {"anomaly", "asset", "captures", "dns_answer", "host_name", "http"}
    assert {view.schema for view in tables.views().values()} == {"", *tables.schemas()}
    for name, view in tables.views().items():
        assert name == view.name not in known
        assert set(view.tables) <= set(known) | set(tables.views())
        assert view.doc.endswith(".")


CASES = tomllib.loads((Path(__file__).resolve().parent / "views.toml").read_text(encoding="utf-8"))["case"]
EMPTY = {"boolean": False, "varchar": "", "blob": b""}


def filled(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """`row`, with a value in columns that are never null."""
    needed = [column for column in table.columns if not column.null and isinstance(column.kind, str)]
    return {column.name: EMPTY.get(SCALARS[column.kind].lake, 0) for column in needed} | row


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_rows_of_a_view(tmp_path: Path, case: dict[str, Any]) -> None:
    """In TOML an empty text is null."""
    given = {
        tables.table(name): [filled(tables.table(name), row) for row in rows] for name, rows in case["tables"].items()
    }
    lakes.commit(tmp_path / "lake", "a" * 16, given)
    found = netlake.Lake(tmp_path / "lake").sql(case["query"]).rows()
    assert [["" if value is None else value for value in row] for row in found] == case["rows"]


def test_views_of_an_empty_lake_have_no_rows(tmp_path: Path) -> None:
    lakes.commit(tmp_path / "lake", "a" * 16, {})
    lake = netlake.Lake(tmp_path / "lake")
    assert {name: lake.sql(f"SELECT count(*) FROM {name}").rows()[0][0] for name in tables.views()} == {
        name: int(name == "captures") for name in tables.views()
    }


def test_hostile_paths_of_captures(tmp_path: Path) -> None:
    """Paths are constants of a statement."""
    path = "a'); DROP TABLE x; --{faults}\u202e\n'b"
    lakes.commit(tmp_path / "lake", "a" * 16, {}, path=path)
    assert netlake.Lake(tmp_path / "lake").sql("SELECT path FROM captures").rows() == [(path,)]


@pytest.mark.parametrize("name", tables.views())
def test_every_column_of_a_view_has_a_description(name: str) -> None:
    found = columns(tables.views()[name], Snapshot.declared())
    assert {column: doc for column, (_, doc) in found.items() if not doc.endswith(".")} == {}
    assert set(tables.views()[name].columns) <= set(found)
