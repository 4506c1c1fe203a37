"""The views of schemas ecs and ocsf have the fields, types and codes of the published schemas (schemas.toml)."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import duckdb
import pytest

import netlake
from netlake import tables
from netlake.query.snapshot import Snapshot
from netlake.query.views import columns

FACTS = tomllib.loads((Path(__file__).parent / "schemas.toml").read_text(encoding="utf-8"))
ECS = [name for name in tables.views() if name.startswith("ecs.")]
OCSF = [name for name in tables.views() if name.startswith("ocsf.")]
# SQL types of the types of Elasticsearch
TYPES = {
    "date": r"TIMESTAMP WITH TIME ZONE", "ip": r"VARCHAR(\[\])?", "keyword": r"VARCHAR(\[\])?", "wildcard": r"VARCHAR",
    "long": r"U?(TINY|SMALL|BIG)?INT(EGER)?", "boolean": r"BOOLEAN", "object": r"STRUCT\(.*\)\[\]",
}  # fmt: skip
# columns of views of schema ocsf that are objects, or lists of them
OBJECTS = {
    "metadata": "metadata", "src_endpoint": "network_endpoint", "dst_endpoint": "network_endpoint",
    "connection_info": "network_connection_info", "traffic": "network_traffic", "http_request": "http_request",
    "http_response": "http_response", "query": "dns_query", "answers": "dns_answer", "email": "email",
    "client_hassh": "hassh", "server_hassh": "hassh", "relay": "network_endpoint",
}  # fmt: skip


@pytest.mark.parametrize("name", ECS)
def test_fields_of_ecs_have_its_types(name: str) -> None:
    for column, (kind, _) in columns(tables.views()[name], Snapshot.declared()).items():
        assert re.fullmatch(TYPES[FACTS["ecs"][column]], kind), (column, kind, FACTS["ecs"][column])


@pytest.mark.parametrize("name", OCSF)
def test_attributes_of_ocsf(name: str) -> None:
    facts = FACTS["ocsf"][name.removeprefix("ocsf.")]
    found = columns(tables.views()[name], Snapshot.declared())
    assert set(facts["required"]) <= set(found) <= set(facts["attributes"])
    with duckdb.connect() as database:
        for column, (kind, _) in found.items():
            if column in OBJECTS:
                inner = database.execute(f"SELECT unnest(NULL::{kind.removesuffix('[]')})").description or []
                known = FACTS["objects"][OBJECTS[column]]
                assert set(known["required"]) <= {one[0] for one in inner} <= set(known["attributes"]), column
            else:
                assert not kind.startswith("STRUCT"), column


@pytest.fixture(scope="module")
def demo(captures: Path, tmp_path_factory: pytest.TempPathFactory) -> netlake.Lake:
    """A lake of the demo capture."""
    place = tmp_path_factory.mktemp("schemas") / "lake"
    netlake.capture([captures / "demo.pcapng"], place)
    return netlake.Lake(place)


def rows(lake: netlake.Lake, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lake.dump(name).arrow().to_pylist()
    return found


@pytest.mark.parametrize("name", OCSF)
def test_codes_of_ocsf(name: str, demo: netlake.Lake) -> None:
    facts = FACTS["ocsf"][name.removeprefix("ocsf.")]
    for row in rows(demo, name):
        assert row["class_uid"] == facts["class_uid"]
        assert row["activity_id"] in facts["activities"]
        assert row["type_uid"] == row["class_uid"] * 100 + row["activity_id"]
        assert row["category_uid"] == row["class_uid"] // 1000
        assert all(row[column] is not None for column in facts["required"])


@pytest.mark.parametrize(("name", "table"), [("ecs.network", "connection"), ("ecs.dns", "dns"), ("ecs.http", "http")])
def test_every_record_is_an_event(name: str, table: str, demo: netlake.Lake) -> None:
    assert len(rows(demo, name)) == len(rows(demo, table)) > 0
    assert len({row["event.id"] for row in rows(demo, name)}) == len(rows(demo, name))
