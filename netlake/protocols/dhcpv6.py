"""Dynamic Host Configuration Protocol for IPv6: leases of addresses and prefixes, directly or through relay agents.

Decided here:
- A message in relay messages is one row: `relays` has the relays from the outermost in, at most MOST_RELAYS, and the
  other columns are of the innermost message.
- `options` has the options of that message as sent; common options are also columns. `addresses` and `prefixes` have
  the options inside identity associations.
- Options are not sent in pieces, because their length has 16 bits. A repeated option adds to the columns that are
  lists; of the others the last one is in the column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from netlake.layers.items import items, part, text
from netlake.layers.pools import ip_text
from netlake.packets import Cursor
from netlake.schema import Column, List, Message, Struct, Table

RELAY_FORWARD = 12
RELAY_REPLY = 13
RELAY_MESSAGE = 9
INTERFACE_ID = 18
IA_NA, IA_TA, IA_ADDRESS, IA_PD, IA_PREFIX = 3, 4, 5, 25, 26
# size of the fixed part of an identity association, by option
ASSOCIATIONS = {IA_NA: 12, IA_TA: 4, IA_PD: 12}
MOST_RELAYS = 32

OPTION = Struct(
    (
        Column("code", "u16", "IANA number of the option.", why="tshark lists options inside others too"),
        Column("value", "bytes", "Value of the option, as sent.", why="one tshark field per option"),
    )
)
RELAY = Struct(
    (
        Column("hops", "u8", "Hop count: relay agents passed before this one.",
               why="tshark has a layer for each relay"),
        Column("link_ip", "ipv6", "Link address: link of the client; null if ::.", unset=True,
               why="tshark has a layer for each relay"),
        Column("peer_ip", "ipv6", "Peer address: client or relay that sent the relayed message.",
               why="tshark has a layer for each relay"),
        Column("interface_id", "bytes", "Interface ID: interface of the relay that received the message.",
               why="tshark shows it as text or as bytes"),
    )
)  # fmt: skip
ADDRESS = Struct(
    (
        Column("association", "u32", "Identity association ID (IAID).", why="tshark shows it as text"),
        Column("ip", "ipv6", "Address or prefix.", why="two tshark fields, by option"),
        Column("prefix_length", "u8", "Prefix length, bits; null for an address.",
               wireshark="dhcpv6.iaprefix.pref_len"),
        Column("preferred_lifetime", "u32", "Preferred lifetime, seconds.", why="two tshark fields, by option"),
        Column("valid_lifetime", "u32", "Valid lifetime, seconds.", why="two tshark fields, by option"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "dhcpv6",
        "One row for each DHCPv6 message, without the relay messages around it.",
        spec="RFC 8415, RFC 4704, RFC 3646",
        on=("udp.port=546", "udp.port=547"),
        message=Message(
            "DHCPv6 {message_type:1=solicit,2=advertise,3=request,4=confirm,5=renew,6=rebind,7=reply,8=release,9=decl"
            "ine,11=information request,12=relay,13=relay reply}[ {client_fqdn}][ {addresses.ip}][ prefix"
            " {prefixes.ip}][: {status_message}]",
            "hosts",
        ),
        columns=(
            Column("message_type", "u8",
                   "Message type: 1 solicit, 2 advertise, 3 request, 5 renew, 7 reply, 8 release, 11 information.",
                   why="dhcpv6.msgtype has those of relays too"),
            Column("transaction_id", "u32", "Transaction ID: matches a reply to its request, 24 bits.",
                   wireshark="dhcpv6.xid"),
            Column("relays", List(RELAY), "Relay agents, the outermost first."),
            Column("client_id", "bytes", "DUID of the client, type first.",
                   why="dhcpv6.duid.bytes has the server's too"),
            Column("server_id", "bytes", "DUID of the server, type first.",
                   why="dhcpv6.duid.bytes has the client's too"),
            Column("elapsed_time", "u16", "Time since the client started the exchange, hundredths of a second.",
                   why="tshark shows milliseconds"),
            Column("preference", "u8", "Preference of the server, 0 to 255; 255 is selected at once.",
                   wireshark="dhcpv6.option_preference"),
            Column("rapid_commit", "bool",
                   "True: exchange of two messages instead of four (rapid commit); null without the option.",
                   why="the option has no data"),
            Column("status_code", "u16", "Status code outside identity associations, 0 success; others by IANA.",
                   why="tshark lists those inside others too"),
            Column("status_message", "text", "Status message.", why="tshark lists those inside others too"),
            Column("client_fqdn", "text", "FQDN of the client.", wireshark="dhcpv6.client_domain"),
            Column("vendor_enterprise", "u32", "Vendor class: IANA enterprise number of the vendor.",
                   wireshark="dhcpv6.vendorclass.enterprise"),
            Column("vendor_class", "text", "First vendor class of the client.", why="tshark lists every class"),
            Column("user_class", "bytes", "User classes as sent.", why="tshark splits it into classes"),
            Column("fingerprint", "text", "Option request option: option numbers in order, joined by commas.",
                   why="dhcpv6.requested_option_code has one value per option"),
            Column("addresses", List(ADDRESS), "Addresses requested or assigned."),
            Column("prefixes", List(ADDRESS), "Prefixes requested or delegated."),
            Column("dns_servers", List("ipv6"), "DNS servers in order of preference.", wireshark="dhcpv6.dns_server"),
            Column("domains", List("text"), "Domain search list.", why="tshark adds a final dot"),
            Column("options", List(OPTION), "Options of the message in wire order."),
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
    """Names in DNS form without compression; a last name without its root label is included."""
    complete: list[str] = []
    labels: list[str] = []
    at = 0
    while at < len(value):
        size = value[at]
        if size:
            labels.append(text(value[at + 1 : at + 1 + size]))
        elif labels:
            complete.append(".".join(labels))
            labels = []
        at += 1 + size
    return [*complete, ".".join(labels)] if labels else complete


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
    """Columns of one message and of the relay messages around it."""
    relays: list[dict[str, Any]] = []
    yield "relays", relays
    for _ in range(MOST_RELAYS):
        kind = message.number(1)
        if kind not in (RELAY_FORWARD, RELAY_REPLY):
            yield "message_type", kind
            yield "transaction_id", message.number(3)
            yield from _options(message)
            return
        hops, link, peer = message.number(1), message.take(16), message.take(16)
        relays.append({"hops": hops, "link_ip": link, "peer_ip": peer})
        inside = _relayed(message, relays[-1])
        if inside is None:
            yield "message_type", kind
            return
        message = inside
    message.fault("too_deep")


def _relayed(message: Cursor, relay: dict[str, Any]) -> Cursor | None:
    """The relayed message, as far as the capture contains it; options after it are read too unless it is truncated."""
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
    lists: dict[str, list[str]] = {}
    yield from (("options", options), ("addresses", addresses), ("prefixes", prefixes))
    for code, value in items(message, code=2, size=2):
        options.append({"code": code, "value": value})
        if code in TYPED:
            name, typed = TYPED[code]
            found = typed(value)
            if isinstance(found, list):
                found = lists[name] = lists.get(name, []) + found
            yield name, found
        elif code in ASSOCIATIONS:
            _association(code, value, message, addresses, prefixes)
        elif code == 13 and len(value) >= 2:
            yield "status_code", int.from_bytes(value[:2], "big")
            yield "status_message", text(value[2:])
        elif code == 16 and len(value) >= 4:
            yield "vendor_enterprise", int.from_bytes(value[:4], "big")
            yield "vendor_class", text(value[6 : 6 + int.from_bytes(value[4:6], "big")])


def _association(code: int, value: bytes, message: Cursor, addresses: list[Any], prefixes: list[Any]) -> None:
    """Add the addresses and prefixes of an identity association; malformed ones give the row a fault."""
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
            address = {"association": number, "ip": ip_text(data.take(16)), "preferred_lifetime": data.number(4)}
            addresses.append({**address, "valid_lifetime": data.number(4)})
        elif kind == IA_PREFIX and size >= 25:
            times = {"preferred_lifetime": data.number(4), "valid_lifetime": data.number(4)}
            bits, prefix = data.number(1), ip_text(data.take(16))
            prefixes.append({"association": number, "ip": prefix, "prefix_length": bits, **times})
