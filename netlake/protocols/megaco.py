"""Megaco (H.248): a controller commands media gateways, in text.

Decided here:
- Each transaction of a message is a row. A name is given in full, also if the short form was sent: Transaction and T
  are Request, C is Context.
- `descriptors` of a command is the text in its braces; what it means depends on packages and on SDP.
- Braces and quoted strings are followed, comments are not recognized. A message that ends before its braces are closed
  has what was complete.
- The binary encoding (ASN.1) is one row, with its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from netlake.layers.items import complete, text
from netlake.layers.parsed import several
from netlake.layers.probes import byte_at
from netlake.packets import Cursor, Malformed, Mask, Messages, Short
from netlake.schema import Column, List, Message, Struct, Table

SEQUENCE = 0x30
MOST_TRANSACTIONS = 1024
CHOOSE, ALL = 0xFFFFFFFE, 0xFFFFFFFF
CONTEXTS = {"-": 0, "$": CHOOSE, "*": ALL}
TRANSACTIONS = {
    "transaction": "Request", "t": "Request", "reply": "Reply", "p": "Reply", "pending": "Pending", "pn": "Pending",
    "transactionresponseack": "Ack", "k": "Ack", "error": "Error", "er": "Error",
}  # fmt: skip
COMMANDS = {
    "add": "Add", "a": "Add", "move": "Move", "mv": "Move", "modify": "Modify", "mf": "Modify",
    "subtract": "Subtract", "s": "Subtract", "auditvalue": "AuditValue", "av": "AuditValue",
    "auditcapability": "AuditCapability", "ac": "AuditCapability", "notify": "Notify", "n": "Notify",
    "servicechange": "ServiceChange", "sc": "ServiceChange",
}  # fmt: skip
START = re.compile(r"\s*(?:(?:Authentication|AU)\s*=\s*\S+\s+)?(?:MEGACO|!)/([0-9]{1,2})\s+(\S+)\s+", re.IGNORECASE)
HEAD = re.compile(r"([^=]*?)\s*(?:=\s*(.*))?", re.DOTALL)
MARK = re.compile(r'["{},]')
BRACE = re.compile(r'["{}]|\\.', re.DOTALL)

COMMAND = Struct(
    (
        Column("context", "u32", "Context: 0 null, 4294967294 choose ($), 4294967295 all (*).",
               why="tshark shows it once for several commands"),
        Column("command", "word", "Command: Add, Move, Modify, Subtract, AuditValue, Notify, ServiceChange and others.",
               wireshark="megaco.command"),
        Column("termination", "text", "Termination, such as an endpoint; * for all.", wireshark="megaco.termid"),
        Column("optional", "bool", "Request: the transaction continues if the command fails (O-).",
               why="tshark has it without a value"),
        Column("wildcard", "bool", "Request: one response for all terminations (W-).",
               why="tshark has it without a value"),
        Column("descriptors", "text", "Text in the braces of the command; null if there are none.",
               why="tshark dissects it"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "megaco",
        "One row for each transaction in a Megaco (H.248) message.",
        spec="RFC 3525, ITU-T H.248.1 annex B",
        on=("udp.port=2944", "udp.port=2945", "sctp.port=2944", "sctp.port=2945", "sctp.payload_protocol=7"),
        message=Message("Megaco {transaction}[ of {message_id}][: {error_text}]", "voice"),
        columns=(
            Column("encoding", "word", "text or binary.", why="defined by netlake"),
            Column("version", "u8", "Version of the protocol.", why="once for several transactions"),
            Column("message_id", "text", "Sender: address or name, as sent.", why="once for several transactions"),
            Column("transaction", "word", "Request, Reply, Pending, Ack, or Error for the whole message.",
                   why="tshark names it otherwise"),
            Column("transaction_id", "u32", "Number that matches a reply to its request.", wireshark="megaco.transid"),
            Column("acknowledged", "text", "Ack: numbers of transactions, as sent.", why="tshark dissects it"),
            Column("error_code", "u16", "First error of the transaction: code.", wireshark="megaco.error_code"),
            Column("error_text", "text", "First error of the transaction: text.", why="tshark keeps the quotes"),
            Column("commands", List(COMMAND), "Commands in wire order."),
            Column("data", "bytes", "Binary: message, as sent.", why="tshark dissects it"),
        ),
    ),
)  # fmt: skip


class Item(NamedTuple):
    """`name = value { body }`: value and `start` are None without a value or body, which ends at `end` if `closed`."""

    name: str
    value: str | None
    start: int | None = None
    end: int = 0
    closed: bool = True


def accept(messages: Messages) -> Mask:
    """Messages that start with the token MEGACO or its short form, an authentication header, space, or in binary."""
    return np.isin(byte_at(messages, 0), [ord(letter) for letter in "Mm!Aa \r\n\t"] + [SEQUENCE])


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """The rows of a message."""
    if message.data[:1] == bytes([SEQUENCE]):
        return _binary(message)
    return several(_rows(message))


def _binary(message: Cursor) -> Iterator[tuple[str, Any]]:
    yield "encoding", "binary"
    yield "data", message.kept()
    complete(message)


def _rows(message: Cursor) -> Iterator[Iterator[tuple[str, Any]]]:
    whole = text(message.kept())
    begin = START.match(whole)
    if begin is None:
        yield _unreadable(message)
        return
    same = (("encoding", "text"), ("version", int(begin[1])), ("message_id", begin[2]))
    count = 0
    for item in _items(whole, begin.end(), len(whole), closed=not message.missing):
        count += 1
        if count > MOST_TRANSACTIONS:
            message.fault("too_large")
            return
        yield chain(same, _transaction(whole, item))
    if not count:
        yield chain(same, _unreadable(message))


def _unreadable(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Ends a row whose message was not understood, because the capture truncated it or it is not Megaco."""
    complete(message)
    message.fault("bad_value")
    yield from ()


def _transaction(whole: str, item: Item) -> Iterator[tuple[str, Any]]:
    kind = TRANSACTIONS.get(item.name.lower())
    yield "transaction", kind
    if kind is None:
        raise Malformed("bad_value")
    commands: list[dict[str, Any]] = []
    if kind == "Error":
        yield from _error(whole, item)
    elif kind == "Ack":
        if item.start is not None and item.closed:
            yield "acknowledged", whole[item.start : item.end].strip()
    else:
        yield "transaction_id", _number(item.value)
        yield "commands", commands
        yield from _actions(whole, item, commands)
    if not item.closed:
        raise Short


def _actions(whole: str, item: Item, commands: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Fills `commands` from the contexts in a transaction; yields the columns of its first error."""
    failed = False
    for action in _inside(whole, item):
        name = action.name.lower()
        found = [action] if name in ("error", "er") else []
        if name in ("context", "c"):
            context = _context(action.value)
            for command in _inside(whole, action):
                if command.name.lower() in ("error", "er"):
                    found.append(command)
                commands.extend(_command(whole, command, context))
        for error in found[:1] if not failed else ():
            failed = True
            yield from _error(whole, error)


def _command(whole: str, item: Item, context: int | None) -> Iterator[dict[str, Any]]:
    """The command of an item; nothing for other properties of a context."""
    name, prefixes = item.name.lower(), set()
    while name[:2] in ("o-", "w-"):
        prefixes.add(name[0])
        name = name[2:]
    if name not in COMMANDS:
        return
    body = whole[item.start : item.end].strip() if item.start is not None and item.closed else None
    yield {
        "context": context, "command": COMMANDS[name], "termination": item.value, "optional": "o" in prefixes,
        "wildcard": "w" in prefixes, "descriptors": body,
    }  # fmt: skip


def _error(whole: str, item: Item) -> Iterator[tuple[str, Any]]:
    yield "error_code", _number(item.value, 9999)
    if item.start is not None and item.closed:
        yield "error_text", whole[item.start : item.end].strip().strip('"')


def _number(value: str | None, most: int = ALL) -> int | None:
    fits = value is not None and value.isascii() and value.isdigit() and len(value) <= 10
    number = int(value) if fits and value else None
    return number if number is not None and number <= most else None


def _context(value: str | None) -> int | None:
    return CONTEXTS[value] if value in CONTEXTS else _number(value)


def _inside(whole: str, item: Item) -> Iterator[Item]:
    if item.start is None:
        return iter(())
    return _items(whole, item.start, item.end, closed=item.closed)


def _items(whole: str, at: int, end: int, *, closed: bool) -> Iterator[Item]:
    """The items between two places; of a part that is not `closed`, those whose head is complete."""
    begin = at
    while True:
        mark = MARK.search(whole, at, end)
        if mark is None:
            if closed and whole[begin:end].strip():
                yield _head(whole[begin:end])
            return
        at = mark.end()
        if mark[0] == '"':
            at = whole.find('"', at, end) + 1
            if not at:
                return
        elif mark[0] == "{":
            stop = _closing(whole, at, end)
            item = _head(whole[begin : mark.start()])
            yield item._replace(start=at, end=end if stop is None else stop, closed=stop is not None)
            if stop is None:
                return
            begin = at = stop + 1
        elif mark[0] == ",":
            if whole[begin : mark.start()].strip():
                yield _head(whole[begin : mark.start()])
            begin = at
        else:
            # a brace that closes nothing
            return


def _head(found: str) -> Item:
    head = HEAD.fullmatch(found.strip())
    return Item(head[1], head[2]) if head else Item(found, None)


def _closing(whole: str, at: int, end: int) -> int | None:
    """The place of the brace that closes the one before `at`; None if there is none."""
    depth = 1
    while mark := BRACE.search(whole, at, end):
        at = mark.end()
        if mark[0] == '"':
            at = whole.find('"', at, end) + 1
            if not at:
                return None
        elif mark[0] in "{}":
            depth += 1 if mark[0] == "{" else -1
            if not depth:
                return mark.start()
    return None
