"""Dynamic Host Configuration Protocol for IPv6: addresses and prefixes, asked for directly or through relays.

A message that relays wrapped is one row: each relay adds to `relays`, outermost first, and the other columns are those
of the message inside. Every option of that message stands in `options` as sent, the common ones in columns too; so do
options within identity associations, which `addresses` and `prefixes` hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from netlake.layers.items import items, part, text
from netlake.layers.pools import ip_text
from netlake.packets import Cursor
from netlake.schema import Column, List, Struct, Table

RELAY_FORWARD = 12
RELAY_REPLY = 13
RELAY_MESSAGE = 9
INTERFACE_ID = 18
IA_NA, IA_TA, IA_ADDRESS, IA_PD, IA_PREFIX = 3, 4, 5, 25, 26
# bytes before the options of an identity association
ASSOCIATIONS = {IA_NA: 12, IA_TA: 4, IA_PD: 12}
MOST_RELAYS = 32

OPTION = Struct(
    (
        Column("code", "u16", "IANA number of the option.", why="tshark lists those inside others too"),
        Column("value", "bytes", "What it holds, as sent.", why="a field for each option"),
    )
)
RELAY = Struct(
    (
        Column("hops", "u8", "Relays passed before it.", why="tshark has a layer for each relay"),
        Column("link_ip", "ipv6", "Link that the client is on.", why="tshark has a layer for each relay"),
        Column("peer_ip", "ipv6", "From whom it came.", why="tshark has a layer for each relay"),
        Column("interface_id", "bytes", "Interface that it came in by.", why="shown as text or bytes"),
    )
)
ADDRESS = Struct(
    (
        Column("association", "u32", "Number of the identity association (IAID); null where it is in none.",
               why="shown as text"),
        Column("ip", "ipv6", "Address, or the prefix.", why="dhcpv6.iaaddr.ip and dhcpv6.iaprefix.pref_addr"),
        Column("prefix_length", "u8", "Bits of a delegated prefix; null for an address.",
               wireshark="dhcpv6.iaprefix.pref_len"),
        Column("preferred_lifetime", "u32", "Seconds for which it should be used.", why="a field for each kind"),
        Column("valid_lifetime", "u32", "Seconds for which it may be used.", why="a field for each kind"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "dhcpv6",
        "One row for each DHCPv6 message, with what relays wrapped around it.",
        spec="RFC 8415, RFC 4704, RFC 3646",
        on=("udp.port=546", "udp.port=547"),
        columns=(
            Column("message_type", "u8",
                   "1 solicit, 2 advertise, 3 request, 5 renew, 7 reply, 8 release, 11 information, 12 and 13 relay.",
                   why="dhcpv6.msgtype shows relays too"),
            Column("transaction_id", "u32", "What ties answers to the question, 24 bits.", wireshark="dhcpv6.xid"),
            Column("relays", List(RELAY), "Relays, the outermost first."),
            Column("client_id", "bytes", "DUID of the client, type first.", why="dhcpv6.duid.bytes has both"),
            Column("server_id", "bytes", "DUID of the server, type first.", why="dhcpv6.duid.bytes has both"),
            Column("elapsed_time", "u16", "Since the client began, hundredths of seconds.",
                   why="shown in milliseconds"),
            Column("preference", "u8", "How much the server wants to be chosen.", wireshark="dhcpv6.option_preference"),
            Column("rapid_commit", "bool", "True if two messages shall do for four; null if not said.",
                   why="an option without data"),
            Column("status_code", "u16", "What came of the request, 0 success; outside of associations.",
                   why="shown for associations too"),
            Column("status_message", "text", "The same in words.", why="shown for associations too"),
            Column("client_fqdn", "text", "Full name of the client.", wireshark="dhcpv6.client_domain"),
            Column("vendor_enterprise", "u32", "IANA number of the vendor whose class the client is of.",
                   wireshark="dhcpv6.vendorclass.enterprise"),
            Column("vendor_class", "text", "First class that the vendor gave it.", why="tshark shows all"),
            Column("user_class", "bytes", "User classes, as sent.", why="tshark splits them"),
            Column("fingerprint", "text", "Options that the client asks for (option 6), in order, with commas.",
                   why="dhcpv6.requested_option_code, as a list"),
            Column("addresses", List(ADDRESS), "Addresses asked for or given."),
            Column("prefixes", List(ADDRESS), "Prefixes asked for or given."),
            Column("dns_servers", List("ipv6"), "DNS servers, best first.", wireshark="dhcpv6.dns_server"),
            Column("domains", List("text"), "Domains to search.", why="shown with a final dot"),
            Column("options", List(OPTION), "Every option of the message in wire order.", why="compared elsewhere"),
        ),
    ),
)  # fmt: skip


def _number(most: int) -> Callable[[bytes], int | None]:
    return lambda value: int.from_bytes(value, "big") if 0 < len(value) <= most else None


def _listed(value: bytes) -> str:
    return ",".join(str(int.from_bytes(value[at : at + 2], "big")) for at in range(0, len(value) - 1, 2))


def _addresses(value: bytes) -> list[str]:
    return [ip_text(value[at : at + 16]) for at in range(0, len(value) - 15, 16)]


def names(value: bytes) -> list[str]:
    """Names in DNS form without compression; one without its final root is kept too."""
    found: list[str] = []
    labels: list[str] = []
    at = 0
    while at < len(value):
        size = value[at]
        if size:
            labels.append(text(value[at + 1 : at + 1 + size]))
        elif labels:
            found.append(".".join(labels))
            labels = []
        at += 1 + size
    return [*found, ".".join(labels)] if labels else found


def _fqdn(value: bytes) -> str | None:
    return next(iter(names(value[1:])), None)


def _present(value: bytes) -> bool:
    del value
    return True


TYPED: dict[int, tuple[str, Callable[[bytes], Any]]] = {
    1: ("client_id", bytes), 2: ("server_id", bytes), 6: ("fingerprint", _listed), 7: ("preference", _number(1)),
    8: ("elapsed_time", _number(2)), 14: ("rapid_commit", _present), 15: ("user_class", bytes),
    23: ("dns_servers", _addresses), 24: ("domains", names), 39: ("client_fqdn", _fqdn),
}  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One message, out of as many relays as there are."""
    relays: list[dict[str, Any]] = []
    yield "relays", relays
    for _ in range(MOST_RELAYS):
        kind = message.number(1)
        if kind not in (RELAY_FORWARD, RELAY_REPLY):
            yield "message_type", kind
            yield "transaction_id", message.number(3)
            yield from _options(message)
            return
        hops, link, peer = message.number(1), ip_text(message.take(16)), ip_text(message.take(16))
        relays.append({"hops": hops, "link_ip": link, "peer_ip": peer})
        inside = _relayed(message, relays[-1])
        if inside is None:
            yield "message_type", kind
            return
        message = inside
    message.fault("too_deep")


def _relayed(message: Cursor, relay: dict[str, Any]) -> Cursor | None:
    """The message inside of a relay's, as far as the capture kept it; what follows it is read before."""
    inside = None
    while message.promised:
        code, size = message.number(2), message.number(2)
        value = part(message, size)
        if code == INTERFACE_ID:
            relay["interface_id"] = value.take(size)
        elif code == RELAY_MESSAGE:
            inside = value
            if value.missing:
                return inside
        else:
            value.take(size)
    return inside


def _options(message: Cursor) -> Iterator[tuple[str, Any]]:
    options: list[dict[str, Any]] = []
    addresses: list[dict[str, Any]] = []
    prefixes: list[dict[str, Any]] = []
    yield from (("options", options), ("addresses", addresses), ("prefixes", prefixes))
    for code, value in items(message, code=2, size=2):
        options.append({"code": code, "value": value})
        if code in TYPED:
            name, typed = TYPED[code]
            yield name, typed(value)
        elif code in ASSOCIATIONS:
            _association(code, value, message, addresses, prefixes)
        elif code == 13 and len(value) >= 2:
            yield "status_code", int.from_bytes(value[:2], "big")
            yield "status_message", text(value[2:])
        elif code == 16 and len(value) >= 4:
            yield "vendor_enterprise", int.from_bytes(value[:4], "big")
            yield "vendor_class", text(value[6 : 6 + int.from_bytes(value[4:6], "big")])


def _association(code: int, value: bytes, message: Cursor, addresses: list[Any], prefixes: list[Any]) -> None:
    """Addresses and prefixes of an identity association; what does not fit marks the row."""
    within = Cursor(value)
    if within.left < ASSOCIATIONS[code]:
        message.fault("bad_options")
        return
    number = within.number(4)
    within.skip(ASSOCIATIONS[code] - 4)
    while within.left:
        if within.left < 4 or within.left - 4 < int.from_bytes(within.data[within.at + 2 : within.at + 4], "big"):
            message.fault("bad_options")
            return
        kind, size = within.number(2), within.number(2)
        data = Cursor(within.take(size))
        if kind == IA_ADDRESS and size >= 24:
            found = {"association": number, "ip": ip_text(data.take(16)), "preferred_lifetime": data.number(4)}
            addresses.append({**found, "valid_lifetime": data.number(4)})
        elif kind == IA_PREFIX and size >= 25:
            times = {"preferred_lifetime": data.number(4), "valid_lifetime": data.number(4)}
            bits, prefix = data.number(1), ip_text(data.take(16))
            prefixes.append({"association": number, "ip": prefix, "prefix_length": bits, **times})
