"""WS-Discovery: hosts, printers and cameras announce themselves and search for others, in SOAP messages over UDP.

Decided here:
- Elements are recognized by their place in the envelope and their local names, since the namespaces of the versions
  differ; `namespace` has that of the message.
- Prefixes in `types` are as sent.
- The XML is read by expat from bytes of one datagram. A document type declaration, which SOAP forbids, ends the
  message (`bad_value`), so that no entity is declared or expanded; so does an element below MOST_DEPTH (`too_deep`).
- A value is set at the end of its element, so a truncated message has complete values only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.parsers import expat

import numpy as np

from netlake.layers.headers import whole_number
from netlake.layers.items import complete
from netlake.layers.probes import byte_at
from netlake.packets import Cursor, Malformed, Mask, Messages
from netlake.schema import Column, List, Message, Struct, Table

MOST_DEPTH = 64
LARGEST = (1 << 32) - 1
# first bytes of XML: white space, a start tag, byte order marks; -1 is an empty message
STARTS = (-1, 0x09, 0x0A, 0x0D, 0x20, 0x3C, 0xEF, 0xFE, 0xFF)
UTF_16 = (b"\xfe\xff", b"\xff\xfe")

ENDPOINT = Struct(
    (
        Column("address", "text", "Address of the endpoint reference, such as urn:uuid:...", why="no dissector"),
        Column("types", List("text"), "Types of the device, such as wsdp:Device or dn:NetworkVideoTransmitter.",
               why="no dissector"),
        Column("scopes", List("text"), "Scopes: URIs of groups, locations or names.", why="no dissector"),
        Column("match_by", "text", "Probe: rule by which scopes are matched.", why="no dissector"),
        Column("xaddrs", List("text"), "Transport addresses: URLs of the device.", why="no dissector"),
        Column("metadata_version", "u32", "Incremented when the metadata change.", why="no dissector"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "ws_discovery",
        "One row for each WS-Discovery message.",
        spec="WS-Discovery 1.1, SOAP-over-UDP 1.1",
        on=("udp.port=3702",),
        why="tshark has no dissector for it",
        message=Message("WS-Discovery {message}[ {action}][ {endpoints.types}]", "discovery"),
        columns=(
            Column("message", "word",
                   "Message: Hello, Bye, Probe, ProbeMatches, Resolve, ResolveMatches or Fault."),
            Column("namespace", "word", "Namespace of the message, which has the version."),
            Column("action", "text", "Action: URI of the message's meaning."),
            Column("message_id", "text", "Message ID."),
            Column("relates_to", "text", "Response: ID of the request."),
            Column("destination", "text", "To: address of the receiver."),
            Column("reply_to", "text", "Address for responses."),
            Column("instance_id", "u32", "AppSequence: incremented at each start of the sender."),
            Column("sequence_id", "text", "AppSequence: identifier of a sequence of messages."),
            Column("message_number", "u32", "AppSequence: number of the message."),
            Column("endpoints", List(ENDPOINT), "Announced, searched or found endpoints, in wire order."),
        ),
    ),
)  # fmt: skip

HEADERS = {"Action": "action", "MessageID": "message_id", "RelatesTo": "relates_to", "To": "destination"}
LISTS = {"Types": "types", "Scopes": "scopes", "XAddrs": "xaddrs"}
MATCHES = ("ProbeMatch", "ResolveMatch")


def accept(messages: Messages) -> Mask:
    """Messages that can be XML."""
    return np.isin(byte_at(messages, 0), STARTS)


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message."""
    envelope = _Envelope()
    fault = envelope.read(message.data[message.at : message.end], final=not message.missing)
    yield from envelope.columns.items()
    if fault:
        raise Malformed(fault)
    complete(message)


class _Envelope:
    """Reads a SOAP envelope; `columns` has the values of elements that have ended."""

    def __init__(self) -> None:
        self.endpoints: list[dict[str, Any]] = []
        self.columns: dict[str, Any] = {"endpoints": self.endpoints}
        self.path: list[str] = []
        self.text: list[str] = []

    def read(self, data: bytes, *, final: bool) -> str | None:
        """Read `data`, all of the message if `final`; return the fault that ended the reading."""
        # a given encoding overrides a declared one, for which expat would ask the codecs of Python
        parser = expat.ParserCreate("utf-16" if data[:2] in UTF_16 else "utf-8", namespace_separator=" ")
        parser.StartDoctypeDeclHandler = self.refuse
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.text.append
        try:
            parser.Parse(data, final)
        except expat.ExpatError:
            return "bad_value"
        except Malformed as found:
            return found.fault
        return None

    def refuse(self, *declaration: object) -> None:
        """End the message at a document type declaration."""
        del declaration
        raise Malformed("bad_value")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Handle the start of an element."""
        namespace, _, local = name.rpartition(" ")
        self.path.append(local)
        self.text.clear()
        place = self.path
        if place[0] != "Envelope":
            raise Malformed("bad_value")
        if len(place) > MOST_DEPTH:
            raise Malformed("too_deep")
        if place[1:2] == ["Body"]:
            self._in_body(namespace, local, attributes)
        elif place[1:] == ["Header", "AppSequence"] and "instance_id" not in self.columns:
            self.columns |= {
                "instance_id": whole_number(attributes.get("InstanceId", ""), LARGEST),
                "sequence_id": attributes.get("SequenceId"),
                "message_number": whole_number(attributes.get("MessageNumber", ""), LARGEST),
            }

    def _in_body(self, namespace: str, local: str, attributes: dict[str, str]) -> None:
        depth = len(self.path)
        if depth == 3 and "message" not in self.columns:
            self.columns |= {"message": local, "namespace": namespace or None}
            if not local.endswith("Matches"):
                self.endpoints.append({name: [] for name in LISTS.values()})
        elif depth == 4 and local in MATCHES:
            self.endpoints.append({name: [] for name in LISTS.values()})
        elif local == "Scopes" and self.endpoints and "MatchBy" in attributes:
            self.endpoints[-1].setdefault("match_by", attributes["MatchBy"])

    def end(self, name: str) -> None:
        """Handle the end of an element."""
        del name
        content = "".join(self.text).strip()
        self.text.clear()
        place, local = self.path[1:], self.path.pop()
        if place[:1] == ["Header"]:
            if len(place) == 2 and local in HEADERS:
                self.columns.setdefault(HEADERS[local], content)
            elif place[1:] == ["ReplyTo", "Address"]:
                self.columns.setdefault("reply_to", content)
        elif place[:1] == ["Body"] and self.endpoints:
            endpoint = self.endpoints[-1]
            if place[-2:] == ["EndpointReference", "Address"]:
                endpoint.setdefault("address", content)
            elif local in LISTS:
                endpoint[LISTS[local]] = endpoint[LISTS[local]] or content.split()
            elif local == "MetadataVersion":
                endpoint.setdefault("metadata_version", whole_number(content, LARGEST))
