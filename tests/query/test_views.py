"""Views that protocols declare: a statement can name them like tables."""

from __future__ import annotations

from pathlib import Path

import pytest

import netlake
from netlake import tables
from netlake.errors import QueryError
from netlake.streams.http.tables import REQUEST, RESPONSE
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


def test_unknown_names_are_still_errors(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="htttp"):
        lake_of(tmp_path).sql("SELECT * FROM htttp")


def test_views_have_names_of_their_own_and_known_tables() -> None:
    known = tables.entries()
    assert set(tables.views()) == {"http"}
    for name, view in tables.views().items():
        assert name == view.name not in known
        assert set(view.tables) <= set(known)
        assert view.doc.endswith(".")
