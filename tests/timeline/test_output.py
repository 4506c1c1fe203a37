"""Formats of timelines: what Timesketch needs, tables that fit a terminal, and hostile text in all of them."""

from __future__ import annotations

import base64
import csv
import datetime as dt
import hashlib
import html.parser
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import hostile
import pyarrow.parquet as pq
import pytest
from rich.cells import cell_len

import netlake
from netlake.query import output
from netlake.query.output.visible import EVERY
from netlake.query.timeline.table import EventTable

Run = Callable[..., tuple[int, str, str]]
FORMATS = ("table", "csv", "jsonl", "html", "timesketch", "text", "tsv", "markdown", "elasticsearch")


@pytest.fixture(scope="module")
def unsafe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hostile.lake(tmp_path_factory.mktemp("hostile") / "lake")


def test_timesketch_has_the_attributes_that_it_needs(run: Run, path: Path, lake: netlake.Lake) -> None:
    code, out, err = run("--lake", path, "--format", "timesketch")
    assert (code, err) == (0, "")
    events = [json.loads(line) for line in out.splitlines()]
    rows = lake.timeline().rows()
    assert len(events) == len(rows)
    for event, (ts, kind, message, source, destination, flow, packet, capture) in zip(events, rows, strict=True):
        assert isinstance(event["message"], str)
        assert event["message"] == message
        time = dt.datetime.fromisoformat(event["datetime"])
        assert time == ts
        assert time.tzinfo is not None
        assert event["timestamp"] == round(ts.timestamp() * 1_000_000)
        assert event["timestamp_desc"] == ("First packet of the connection" if kind == "connection" else "Packet time")
        assert event["data_type"] == f"netlake:{kind}"
        found = [event.get(name) for name in ("kind", "source", "destination", "flow", "packet", "capture")]
        assert found == [kind, source, destination, flow, packet, capture]
        if event.get("source_port") is not None:
            assert source.endswith(f":{event['source_port']}")
            assert event["source_ip"] in source
        assert None not in event.values()


def test_timesketch_leaves_out_rows_without_a_time(run: Run, unsafe: Path) -> None:
    code, out, err = run("--lake", unsafe, "--format", "timesketch")
    assert (code, out.count("\n")) == (0, len(hostile.TEXTS))
    assert err == "netlake: 1 rows have no time and were left out, because Timesketch refuses them.\n"


@pytest.mark.parametrize("form", FORMATS)
def test_hostile_text_is_made_visible(run: Run, unsafe: Path, form: str) -> None:
    code, out, _ = run("--lake", unsafe, "--format", form)
    assert code == 0
    assert "a.example" in out
    inside = EVERY.sub("", out.replace("\n", "").replace("\t", "") if form != "csv" else re.sub(r"[\r\n\t]", "", out))
    assert inside == (out.replace("\n", "").replace("\t", "") if form != "csv" else re.sub(r"[\r\n\t]", "", out))


def test_csv_and_jsonl_have_every_row(run: Run, unsafe: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run("--lake", unsafe, "--format", "csv")[1], newline="")))
    objects = [json.loads(line) for line in run("--lake", unsafe, "--format", "jsonl")[1].splitlines()]
    assert len(rows) == len(objects) == len(hostile.TEXTS) + 1
    assert [one["message"] for one in objects[:-1]] == [f"GET a.example/{text}" for text in hostile.TEXTS]
    assert rows[-1]["ts"] == ""
    assert objects[-1]["ts"] is None


def test_parquet_and_endings(run: Run, path: Path, lake: netlake.Lake, tmp_path: Path) -> None:
    assert run("--lake", path, "-o", tmp_path / "out.parquet", "--kinds", "arp") == (0, "", "")
    assert pq.read_table(tmp_path / "out.parquet").num_rows == lake.tables["arp"]
    assert run("--lake", path, "-o", tmp_path / "out.html", "--kinds", "arp") == (0, "", "")
    assert (tmp_path / "out.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("width", [20, 60, 80, 110, 140, 200, 400])
def test_table_fits_the_terminal(lake: netlake.Lake, width: int) -> None:
    out = io.BytesIO()
    batches = lake.timeline(limit=200).batches()
    table = EventTable(out, batches.schema, output.Style(width=width))
    for batch in batches:
        table.write(batch)
    table.close()
    lines = out.getvalue().decode().splitlines()
    shown = [line for line in lines if not line.startswith("(")]
    assert len(shown) == 202
    assert "message" in lines[0]
    assert all(cell_len(line) <= max(width, 27) for line in shown)
    if width == 400:
        assert all(row[2] in line for row, line in zip(lake.timeline(limit=200).rows(), shown[2:], strict=True))
        assert lines[0].split() == ["ts", "kind", "message", "source", "destination", "flow", "packet", "capture"]


class Elements(html.parser.HTMLParser):
    """The elements of a page: (tag, attributes, text) of scripts and styles, and all tags."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.inside = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember the tag."""
        self.tags.append((tag, dict(attrs)))
        self.texts.append("")
        self.inside = True

    def handle_endtag(self, tag: str) -> None:
        """Text behind an element is not in it."""
        self.inside = False

    def handle_data(self, data: str) -> None:
        """Remember the text behind the last tag."""
        if self.inside:
            self.texts[-1] += data


def test_page_has_only_its_own_elements(run: Run, unsafe: Path) -> None:
    _, page, _ = run("--lake", unsafe, "--format", "html")
    found = Elements(page)
    _, other, _ = run("--lake", unsafe, "--format", "html", "--kinds", "dns")
    assert found.tags == Elements(other).tags, "text of events made an element"
    scripts = [(tag, text) for tag, text in zip(found.tags, found.texts, strict=True) if tag[0] == "script"]
    assert [tag[1].get("id") for tag, _ in scripts] == ["events", "meta", None]
    events = json.loads(scripts[0][1])
    assert len(events) == len(hostile.TEXTS) + 1
    assert not any(EVERY.search(str(cell)) for event in events for cell in event)
    assert json.loads(scripts[1][1])["captures"] == {"a" * 16: "</script>\\x1b[31m<b>.pcap"}


def test_page_allows_only_its_own_script_and_style(run: Run, unsafe: Path) -> None:
    _, page, _ = run("--lake", unsafe, "--format", "html")
    found = Elements(page)
    policy = next(at["content"] or "" for tag, at in found.tags if at.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; ")
    for kind in ("script", "style"):
        content = [text for (tag, _), text in zip(found.tags, found.texts, strict=True) if tag == kind][-1]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert not any(at.get(name) for _, at in found.tags for name in ("src", "href", "style", "onclick", "onerror"))
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|innerHTML|eval|import)\b", found.texts[-1])


def test_page_tells_that_there_are_more_rows(run: Run, path: Path) -> None:
    _, page, err = run("--lake", path, "--format", "html", "--limit", 10)
    meta = re.search(r'id="meta">(.*?)</script>', page)
    assert meta
    assert json.loads(meta[1])["note"].startswith("The page has the first 10 events; there are more.")
    assert err.startswith("netlake: showing the first 10 rows")
    assert "a greater --limit" in err
