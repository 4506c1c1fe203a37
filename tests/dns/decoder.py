"""The twin of the DNS reader: a plain decoder of one message, and a comparison of its rows with those of the reader."""

from __future__ import annotations

import struct
from typing import Any

import pyarrow as pa

from netlake.kernels.numbers import IpProtocol
from netlake.layers.pools import ip_text
from netlake.packets import Cursor, Malformed, Messages, Nullable, Short
from netlake.protocols import dns
from netlake.protocols.dns.names import read_name, without_dot
from netlake.protocols.dns.rdata import layout, present, unknown
from netlake.protocols.dns.types import rcode_name, type_name
from netlake.schema import faults
from tests.messages import NO_PORTS, build

PORTS = {"udp": (53, 40000), "mdns": (5353, 5353), "llmnr": (40000, 5355), "tcp": (40000, 53)}
A, CHAOS, OPT = 1, 3, 41
NAMES = ("query_name", "query_type", "query_type_name", "query_class")


def decode(message: bytes, kind: str = "udp", missing: int = 0) -> dict[str, Any]:
    """The row of one message, read from start to end."""
    row: dict[str, Any] = {"transport": "tcp" if kind == "tcp" else "udp", "heuristic": False, "edns_options": []}
    marks: list[str] = []
    short = "cut" if missing else "short_header"
    lists = {name: row.setdefault(name, []) for name in ("questions", "answers", "authorities", "additionals")}
    cursor = Cursor(message)
    try:
        counts = header(cursor, row, kind)
        for _ in range(counts[0]):
            lists["questions"].append(question(cursor, kind, marks))
        for name, count in zip(("answers", "authorities", "additionals"), counts[1:], strict=True):
            for _ in range(count):
                lists[name].append(record(cursor, kind, marks, row, allowed=name == "additionals"))
        row["extra_length"] = cursor.left + missing
    except Short:
        marks.append(short)
    except Malformed as found:
        marks.append("cut" if missing and found.fault == "bad_length" else found.fault)
    if row["questions"]:
        row.update(zip(NAMES, row["questions"][0].values(), strict=False))
    if "extra_length" in row or "high" in row:
        row["extended_rcode"] = row["rcode"] | row.pop("high", 0) << 4
        row["rcode_name"] = rcode_name(row["extended_rcode"])
    marks += row.pop("edns_faults", [])
    row["fault"] = marks[0] if marks else None
    return row


def header(cursor: Cursor, row: dict[str, Any], kind: str) -> list[int]:
    row["transaction_id"] = cursor.number(2)
    first = cursor.number(1)
    row["response"], row["opcode"], row["truncated"] = bool(first >> 7), first >> 3 & 15, bool(first & 2)
    if kind == "llmnr":
        row["conflict"], row["tentative"] = bool(first & 4), bool(first & 1)
    else:
        row["authoritative"], row["recursion_desired"] = bool(first & 4), bool(first & 1)
    second = cursor.number(1)
    row["rcode"] = second & 15
    if kind != "llmnr":
        row["recursion_available"], row["z"] = bool(second & 128), bool(second & 64)
        row["authentic_data"], row["checking_disabled"] = bool(second & 32), bool(second & 16)
    for name in dns.COUNTS:
        row[name] = cursor.number(2)
    return [row[name] for name in dns.COUNTS]


def pass_name(cursor: Cursor, marks: list[str]) -> str | None:
    """The name, None if it is invalid; raises Short or Malformed only if its end is unknown."""
    at = cursor.at
    try:
        return without_dot(read_name(cursor))
    except Malformed:
        cursor.at = at
        while size := cursor.number(1):
            if size >= 192:
                cursor.skip(1)
                break
            if size >= 64:
                raise
            cursor.skip(size)
        marks.append("bad_name")
        return None


def question(cursor: Cursor, kind: str, marks: list[str]) -> dict[str, Any]:
    unsure: list[str] = []
    name = pass_name(cursor, unsure)
    number, klass = struct.unpack("!HH", cursor.take(4))
    marks += unsure
    unicast = None if kind != "mdns" else klass > 0x7FFF
    klass = klass & 0x7FFF if kind == "mdns" else klass
    return {"name": name, "type": number, "type_name": type_name(number), "class": klass, "unicast_response": unicast}


def record(cursor: Cursor, kind: str, marks: list[str], row: dict[str, Any], *, allowed: bool) -> dict[str, Any]:
    unsure: list[str] = []
    owner = cursor.data[cursor.at : cursor.at + 1]
    name = pass_name(cursor, unsure)
    number, klass, ttl, size = struct.unpack("!HHIH", cursor.take(10))
    if size > cursor.left:
        raise Malformed("bad_length")
    marks += unsure
    data = Cursor(cursor.data, cursor.at, cursor.at + size)
    rdata = cursor.take(size)
    result: dict[str, Any] = dict.fromkeys(field.name for field in dns.RECORD.columns)
    result.update({"name": name, "type": number, "type_name": type_name(number), "fields": []})
    if number == OPT:
        row.setdefault("edns_faults", []).extend([] if allowed and owner == b"\0" else ["bad_options"])
        options(rdata, klass, ttl, row)
        return result
    result["class"], result["ttl"] = klass, ttl
    if kind == "mdns":
        result["class"], result["cache_flush"] = klass & 0x7FFF, klass > 0x7FFF
    if not size and klass in (254, 255):
        return result
    result["data"] = unknown(rdata)
    if layout(number) and not (number == A and klass == CHAOS):
        try:
            shown = present(number, data)
        except Short:
            marks.append("bad_length")
        except Malformed as found:
            marks.append(found.fault)
        else:
            fields = [{"name": name, "number": value, "text": text} for name, value, text in shown.fields]
            result.update(shown.columns, data=shown.text, fields=fields)
    return result


def options(data: bytes, klass: int, ttl: int, row: dict[str, Any]) -> None:
    wrong = row.setdefault("edns_faults", [])
    if "edns_version" in row:
        wrong.append("bad_options")
        return
    row["edns_udp_size"], row["high"] = klass, ttl >> 24
    row["edns_version"], row["dnssec_ok"] = ttl >> 16 & 255, bool(ttl >> 15 & 1)
    cursor = Cursor(data)
    try:
        while cursor.left:
            code, size = cursor.number(2), cursor.number(2)
            value = cursor.take(size)
            row["edns_options"].append({"code": code, "data": value})
            if code == 8:
                client_subnet(value, row, wrong)
    except Short:
        wrong.append("bad_options")


def client_subnet(data: bytes, row: dict[str, Any], wrong: list[str]) -> None:
    size = {b"\0\1": 4, b"\0\2": 16}.get(data[:2])
    if len(data) < 4 or size is None or max(data[2], data[3]) > 8 * size or len(data) != 4 + -(-data[2] // 8):
        wrong.append("bad_options")
    elif "client_subnet" not in row:
        row["client_subnet"] = ip_text(data[4:] + bytes(size - len(data) + 4))
        row["client_subnet_prefix"], row["client_subnet_scope"] = data[2], data[3]


def batch(payloads: list[bytes], kinds: list[str] | None = None, missing: list[int] | None = None) -> Messages:
    """Messages of `payloads` in one buffer, with other bytes between them."""
    kinds = kinds or ["udp"] * len(payloads)
    return build(
        payloads, missing=missing or 0, around=b"\x05other\xc0\x0c", ports=[PORTS[kind] for kind in kinds] or NO_PORTS,
        hint=[IpProtocol.TCP if kind == "tcp" else IpProtocol.UDP for kind in kinds], interned=False,
    )  # fmt: skip


def rows(messages: Messages) -> list[dict[str, Any]]:
    """The rows of the columnar reader as Python objects."""
    read = dns.read(messages)
    messages, columns = read if isinstance(read, tuple) else (messages, read)
    listed = {name: as_list(value) for name, value in columns.items()}
    listed["fault"] = [faults.NAMES[code] for code in messages.fault.tolist()]
    return [dict(zip(listed, values, strict=True)) for values in zip(*listed.values(), strict=True)]


def as_list(value: Any) -> list[Any]:
    if isinstance(value, Nullable):
        return [one if ok else None for one, ok in zip(value.values.tolist(), value.valid.tolist(), strict=True)]
    if isinstance(value, pa.Array):
        value.validate(full=True)
        return value.to_pylist()
    return value.tolist()


def present_only(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def check(payloads: list[bytes], kinds: list[str] | None = None, missing: list[int] | None = None) -> None:
    """Fail unless the columnar reader and the plain decoder return the same rows."""
    kinds, missing = kinds or ["udp"] * len(payloads), missing or [0] * len(payloads)
    got = rows(batch(payloads, kinds, missing))
    assert len(got) == len(payloads)
    for position, row in enumerate(got):
        wanted = decode(payloads[position], kinds[position], missing[position])
        assert present_only(row) == present_only(wanted), payloads[position].hex()
