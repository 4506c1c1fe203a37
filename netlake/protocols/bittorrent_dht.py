"""BitTorrent distributed hash table: peers query nodes for the peers of a torrent.

Decided here:
- Messages are bencoded dictionaries and use any port. A payload is a message if it starts with a key of a message and
  ends with the `e` of its dictionary; `heuristic` marks rows found so.
- Bencode is nested: a message with more than 8 levels has the fault `too_deep`, with more than 4096 values `too_large`.
- A value of another type than its key requires is null.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from netlake.layers.items import text
from netlake.layers.pools import ip_text
from netlake.layers.probes import by_content, byte_at, number_at
from netlake.packets import Cursor, Malformed, Mask, Messages, Short
from netlake.schema import Column, List, Message, Struct, Table

PORTS = (6881,)
MOST_DEPTH = 8
MOST_VALUES = 4096
LONGEST_NUMBER = 20
# first bytes of a message. Keys are sorted: `a` of a query, else `e`, `ip`, `r`, `t` or `v`
BEGINNINGS = tuple(int.from_bytes(start, "big") for start in (b"d1:ad", b"d1:el", b"d1:rd", b"d1:t2", b"d2:ip"))

NODE = Struct(
    (
        Column("id", "bytes", "Node ID, 20 bytes; null for a peer.", wireshark="bt-dht.id"),
        Column("ip", "ip", "Address of the node or peer.", why="one tshark field per IP version"),
        Column("port", "u16", "UDP port of the node, or port of the peer.", wireshark="bt-dht.port"),
    )
)

TABLES = (
    Table(
        "bittorrent_dht",
        "One row for each message of BitTorrent's distributed hash table.",
        spec="BEP 5, 32, 42",
        on=("udp.port=6881",),
        why="tshark shows all values in the same text fields",
        message=Message(
            "BitTorrent DHT [{message_type?q}query {query}|{message_type?r}response|error {error_code}"
            " {error_message}][ for {info_hash}]",
            "peer_to_peer", default=False,
        ),
        columns=(
            Column("transaction_id", "bytes", "Transaction ID: matches a response to its query."),
            Column("message_type", "word", "Message type: q query, r response, e error."),
            Column("query", "word", "Query: ping, find_node, get_peers or announce_peer."),
            Column("version", "bytes", "Client of the sender: two letters and two bytes of version."),
            Column("id", "bytes", "Node ID of the sender, 20 bytes."),
            Column("target", "bytes", "find_node: ID of the node that is looked for."),
            Column("info_hash", "bytes", "get_peers and announce_peer: info hash of the torrent."),
            Column("announced_port", "i64", "announce_peer: port of the peer that has the torrent."),
            Column("token", "bytes", "Write token: returned by get_peers, required in announce_peer."),
            Column("nodes", List(NODE), "Response: nodes closest to the target or info hash."),
            Column("peers", List(NODE), "Response: peers that have the torrent."),
            Column("error_code", "i64", "Error code: 201 generic, 202 server, 203 protocol, 204 unknown method."),
            Column("error_message", "text", "Error message."),
            Column("heuristic", "bool", "Whether the message was recognized by its content and not by its port.",
                   why="our own"),
        ),
    ),
)  # fmt: skip


def accept(messages: Messages) -> Mask:
    """On the port: payloads that start as a dictionary does; others there are uTP or unknown."""
    first = byte_at(messages, 0)
    return np.asarray((first == ord("d")) | ((first < 0) & (messages.missing > 0)))


def probe(messages: Messages) -> Mask:
    """Payloads that start with a key of a message and end with the end of a dictionary."""
    result = np.zeros(len(messages), np.bool_)
    index = np.flatnonzero(byte_at(messages, 0) == ord("d"))
    if len(index):
        some = messages.take(index)
        index = index[np.isin(number_at(some, 0, 5), BEGINNINGS) & (some.end - some.start > 5)]
        result[index] = (messages.data[messages.end[index] - 1] == ord("e")) | (messages.missing[index] > 0)
    return result


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message."""
    yield "heuristic", by_content(message, PORTS)
    root = _value(message, 0, [MOST_VALUES])
    if not isinstance(root, dict):
        raise Malformed("bad_value")
    yield "transaction_id", _bytes(root.get(b"t"))
    yield "message_type", _text(root.get(b"y"))
    yield "query", _text(root.get(b"q"))
    yield "version", _bytes(root.get(b"v"))
    body = root.get(b"a") or root.get(b"r")
    if isinstance(body, dict):
        for name in ("id", "target", "info_hash", "token"):
            yield name, _bytes(body.get(name.encode()))
        port = body.get(b"port")
        yield "announced_port", port if isinstance(port, int) else None
        yield "nodes", [*_nodes(body.get(b"nodes"), 4), *_nodes(body.get(b"nodes6"), 16)]
        values = body.get(b"values")
        yield "peers", [_node(b"", peer) for peer in values if _is_peer(peer)] if isinstance(values, list) else []
    error = root.get(b"e")
    if isinstance(error, list) and len(error) > 1:
        yield "error_code", error[0] if isinstance(error[0], int) else None
        yield "error_message", _text(error[1])


def _bytes(value: Any) -> bytes | None:
    return value if isinstance(value, bytes) else None


def _text(value: Any) -> str | None:
    return text(value) if isinstance(value, bytes) else None


def _is_peer(value: Any) -> bool:
    return isinstance(value, bytes) and len(value) in (6, 18)


def _node(number: bytes, end: bytes) -> dict[str, Any]:
    return {"id": number or None, "ip": ip_text(end[:-2]), "port": int.from_bytes(end[-2:], "big")}


def _nodes(value: Any, width: int) -> Iterator[dict[str, Any]]:
    size = 22 + width
    if isinstance(value, bytes):
        for at in range(0, len(value) - size + 1, size):
            yield _node(value[at : at + 20], value[at + 20 : at + size])


def _value(message: Cursor, depth: int, left: list[int]) -> Any:
    """The next bencoded value; `left` has the number of values that may still follow."""
    left[0] -= 1
    kind = message.take(1)
    if depth > MOST_DEPTH or left[0] < 0:
        raise Malformed("too_deep" if depth > MOST_DEPTH else "too_large")
    if kind == b"i":
        return _number(message, b"e")
    if kind in (b"l", b"d"):
        values = []
        while message.data[message.at : message.at + 1] != b"e":
            values.append(_value(message, depth + 1, left))
        message.skip(1)
        if kind == b"l":
            return values
        return {key: value for key, value in zip(values[::2], values[1::2], strict=False) if isinstance(key, bytes)}
    if not kind.isdigit():
        raise Malformed("bad_value")
    message.at -= 1
    size = _number(message, b":")
    if size < 0 or size > message.promised:
        raise Malformed("bad_length")
    return message.take(size)


def _number(message: Cursor, end: bytes) -> int:
    stop = message.data.find(end, message.at, min(message.end, message.at + LONGEST_NUMBER + 1))
    if stop < 0:
        if message.left > LONGEST_NUMBER:
            raise Malformed("bad_value")
        raise Short
    digits = message.take(stop - message.at)
    message.skip(1)
    if not digits.removeprefix(b"-").isdigit():
        raise Malformed("bad_value")
    return int(digits)
