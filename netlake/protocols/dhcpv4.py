"""Dynamic Host Configuration Protocol for IPv4, and BOOTP, whose messages it extends: leases of addresses.

Decided here:
- `options` has every option as sent; common options are also columns. The values of a repeated option are joined in
  the order options, boot file, server name (RFC 3396), and the column is read from all of them: clients do so, and a
  value of more than 255 bytes can only be sent in pieces. A whole value of fixed size is not a piece; the last one
  is in the column.
- An option whose length does not fit its type gives null.
- Option 52 (overload) means that the fields for server name and boot file contain options; they are then read as such,
  and the columns of these names are null.
- The header is read by column, all after it message by message: options have no fixed offset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from netlake.layers.items import c_text, text
from netlake.layers.parsed import each
from netlake.layers.pools import address_text
from netlake.layers.read import fixed
from netlake.packets import Columns, Cursor, Messages
from netlake.schema import Column, List, Message, Struct, Table

COOKIE = bytes((99, 130, 83, 99))
PAD = 0
END = 255
OVERLOAD = 52
RELAY = 82
ETHERNET = 1
# size of the header up to the hardware address
FIXED = 28

OPTION = Struct(
    (
        Column("code", "u8", "IANA number of the option.", wireshark="dhcp.option.type"),
        Column("value", "bytes", "Value of the option, as sent.", why="tshark shows fields of some options only"),
    )
)

TABLES = (
    Table(
        "dhcpv4",
        "One row for each DHCP or BOOTP message.",
        spec="RFC 2131, RFC 2132, RFC 951, RFC 3046, RFC 3396, RFC 4702",
        on=("udp.port=67", "udp.port=68", "udp.port=4011"),
        size=FIXED,
        message=Message(
            "DHCP {message_type:dhcp_message_name}[ {hostname}][ {client_mac}][{message_type?1,3,4,8}[ wants"
            " {requested_ip}]][{message_type?2,5} {your_ip}[ for {lease_time} s]][ routers {routers}][: {message}]",
            "hosts", hosts=("your_ip", "client_ip", "requested_ip", "client_mac"),
        ),
        columns=(
            Column("operation", "u8", "Operation: 1 request of a client, 2 reply of a server.", at=0,
                   wireshark="dhcp.type"),
            Column("hardware_type", "u8", "Hardware type: 1 Ethernet; others by IANA (ARP).", at=1,
                   wireshark="dhcp.hw.type"),
            Column("hardware_length", "u8", "Size of the hardware address, 0 to 16 bytes.", at=2,
                   wireshark="dhcp.hw.len"),
            Column("hops", "u8", "Relay agents passed.", at=3, wireshark="dhcp.hops"),
            Column("transaction_id", "u32", "Transaction ID: matches a reply to its request.", at=4,
                   wireshark="dhcp.id"),
            Column("seconds", "u16", "Time since the client started, seconds.", at=8, wireshark="dhcp.secs"),
            Column("flags", "u16", "Flags; bit 15 is the broadcast flag.", at=10, wireshark="dhcp.flags"),
            Column("broadcast", "bool", "Broadcast flag: the client requires broadcast replies.", at=10, bits=(15, 1),
                   wireshark="dhcp.flags.bc"),
            Column("client_ip", "ipv4", "Current address of the client (ciaddr); null if 0.0.0.0.", at=12, unset=True,
                   wireshark="dhcp.ip.client"),
            Column("your_ip", "ipv4", "Address assigned to the client (yiaddr); null if 0.0.0.0.", at=16, unset=True,
                   wireshark="dhcp.ip.your"),
            Column("server_ip", "ipv4", "Next server in the boot process (siaddr); null if 0.0.0.0.", at=20, unset=True,
                   wireshark="dhcp.ip.server"),
            Column("relay_ip", "ipv4", "Relay agent (giaddr); null if 0.0.0.0.", at=24, unset=True,
                   wireshark="dhcp.ip.relay"),
            Column("client_mac", "mac", "Hardware address of the client; null unless it is an Ethernet MAC address.",
                   wireshark="dhcp.hw.mac_addr"),
            Column("client_hardware", "bytes", "Hardware address field as sent, all 16 bytes (chaddr).",
                   why="tshark splits it into address and padding"),
            Column("server_name", "text", "Name of the next server (sname).",
                   why="tshark shows it in other fields by length"),
            Column("file", "text", "Boot file name.", why="tshark shows it in other fields by length"),
            Column("message_type", "u8",
                   "Type: 1 discover, 2 offer, 3 request, 4 decline, 5 ack, 6 nak, 7 release, 8 inform; null in BOOTP.",
                   wireshark="dhcp.option.dhcp"),
            Column("requested_ip", "ipv4", "Address requested by the client (option 50).",
                   wireshark="dhcp.option.requested_ip_address"),
            Column("server_id", "ipv4", "Server identifier (option 54).", wireshark="dhcp.option.dhcp_server_id"),
            Column("hostname", "text", "Host name of the client (option 12).", wireshark="dhcp.option.hostname"),
            Column("client_fqdn", "text", "FQDN of the client (option 81), as text.", why="two encodings"),
            Column("client_id", "bytes", "Client identifier (option 61), type first.", why="tshark splits it by type"),
            Column("vendor_class", "text", "Vendor class identifier of the client (option 60), such as MSFT 5.0.",
                   wireshark="dhcp.option.vendor_class_id"),
            Column("user_class", "bytes", "User class (option 77), as sent.", why="several encodings"),
            Column("fingerprint", "text",
                   "Parameter request list (option 55): option numbers in order, joined by commas.",
                   why="dhcp.option.request_list_item has one value per option"),
            Column("max_message_size", "u16", "Maximum message size that the sender accepts, bytes (option 57).",
                   wireshark="dhcp.option.dhcp_max_message_size"),
            Column("lease_time", "u32", "Lease time, seconds (option 51).",
                   wireshark="dhcp.option.ip_address_lease_time"),
            Column("renewal_time", "u32", "Renewal time T1, seconds (option 58).",
                   wireshark="dhcp.option.renewal_time_value"),
            Column("rebinding_time", "u32", "Rebinding time T2, seconds (option 59).",
                   wireshark="dhcp.option.rebinding_time_value"),
            Column("subnet_mask", "ipv4", "Subnet mask (option 1).", wireshark="dhcp.option.subnet_mask"),
            Column("routers", List("ipv4"), "Routers of the subnet in order of preference (option 3).",
                   wireshark="dhcp.option.router"),
            Column("dns_servers", List("ipv4"), "DNS servers in order of preference (option 6).",
                   wireshark="dhcp.option.domain_name_server"),
            Column("ntp_servers", List("ipv4"), "NTP servers in order of preference (option 42).",
                   wireshark="dhcp.option.ntp_server"),
            Column("domain_name", "text", "Domain name of the client (option 15).",
                   wireshark="dhcp.option.domain_name"),
            Column("broadcast_ip", "ipv4", "Broadcast address of the subnet (option 28).",
                   wireshark="dhcp.option.broadcast_address"),
            Column("message", "text", "Error message of a nak or decline (option 56).",
                   wireshark="dhcp.option.message"),
            Column("tftp_server", "text", "TFTP server name (option 66).", wireshark="dhcp.option.tftp_server_name"),
            Column("boot_file", "text", "Boot file name (option 67).", wireshark="dhcp.option.bootfile_name"),
            Column("circuit_id", "bytes", "Relay agent information: circuit ID of the receiving port or circuit.",
                   wireshark="dhcp.option.agent_information_option.agent_circuit_id"),
            Column("remote_id", "bytes", "Relay agent information: remote ID of the far end of the circuit.",
                   wireshark="dhcp.option.agent_information_option.agent_remote_id"),
            Column("options", List(OPTION), "Options in wire order, without pad and end options."),
        ),
    ),
)  # fmt: skip


def _address(value: bytes) -> bytes | None:
    return value if len(value) == 4 else None


def _addresses(value: bytes) -> list[str]:
    return [address_text(value[at : at + 4]) for at in range(0, len(value) - 3, 4)]


def _number(value: bytes) -> int | None:
    return int.from_bytes(value, "big") if 0 < len(value) <= 4 else None


def _short(value: bytes) -> int | None:
    return int.from_bytes(value, "big") if 0 < len(value) <= 2 else None


def _one(value: bytes) -> int | None:
    return value[0] if value else None


def _listed(value: bytes) -> str:
    return ",".join(map(str, value))


def _fqdn(value: bytes) -> str | None:
    """Option 81: flags, two response codes, name; the name is in DNS labels if flag E (4) is set, else text."""
    if len(value) < 3:
        return None
    return text(value[3:].rstrip(b"\0")) if not value[0] & 4 else _labels(value[3:])


def _labels(value: bytes) -> str | None:
    names, at = [], 0
    while at < len(value) and value[at]:
        names.append(text(value[at + 1 : at + 1 + value[at]]))
        at += 1 + value[at]
    return ".".join(names) or None


TYPED: dict[int, tuple[str, Callable[[bytes], Any]]] = {
    1: ("subnet_mask", _address), 3: ("routers", _addresses), 6: ("dns_servers", _addresses),
    12: ("hostname", c_text), 15: ("domain_name", c_text), 28: ("broadcast_ip", _address),
    42: ("ntp_servers", _addresses), 50: ("requested_ip", _address), 51: ("lease_time", _number),
    53: ("message_type", _one), 54: ("server_id", _address), 55: ("fingerprint", _listed), 56: ("message", c_text),
    57: ("max_message_size", _short), 58: ("renewal_time", _number), 59: ("rebinding_time", _number),
    60: ("vendor_class", c_text), 61: ("client_id", bytes), 66: ("tftp_server", c_text), 67: ("boot_file", c_text),
    77: ("user_class", bytes), 81: ("client_fqdn", _fqdn),
}  # fmt: skip
# size of options of fixed size
SIZES = {1: 4, 28: 4, 50: 4, 51: 4, 53: 1, 54: 4, 57: 2, 58: 4, 59: 4}
RELAYED = {1: "circuit_id", 2: "remote_id"}


def read(messages: Messages) -> Columns:
    """The header up to the hardware address by column, the rest message by message."""
    columns = fixed(TABLES[0], messages)
    return columns | each(TABLES[0], _body, messages, messages.end - messages.start >= FIXED, FIXED)


def _body(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Hardware address and names, then options after the magic cookie."""
    hardware = message.take(16)
    yield "client_hardware", hardware
    if message.data[1] == ETHERNET and message.data[2] == 6:
        yield "client_mac", hardware[:6]
    server_name, file = message.take(64), message.take(128)
    if message.promised < 4 or message.take(4) != COOKIE:
        yield from (("server_name", c_text(server_name)), ("file", c_text(file)))
        return
    options: list[dict[str, Any]] = []
    yield "options", options
    joined: dict[int, bytes] = {}
    yield from _options(message, options, joined)
    overload = next((option["value"][:1] for option in options if option["code"] == OVERLOAD), b"\0")
    for bit, name, field in ((1, "file", file), (2, "server_name", server_name)):
        if overload and overload[0] & bit:
            yield from _options(Cursor(field, faults=message.faults), options, joined)
        else:
            yield name, c_text(field)


def _options(message: Cursor, options: list[dict[str, Any]], joined: dict[int, bytes]) -> Iterator[tuple[str, Any]]:
    """Options up to the end option or the end of the bytes; `joined` has the values read so far by code."""
    while message.promised:
        code = message.number(1)
        if code == PAD:
            continue
        if code == END:
            return
        size = message.number(1)
        if size > message.promised:
            message.fault("bad_options")
            return
        value = message.take(size)
        options.append({"code": code, "value": value})
        if code in joined and len(value) != SIZES.get(code):
            value = joined[code] + value
        joined[code] = value
        if code in TYPED:
            name, typed = TYPED[code]
            yield name, typed(value)
        elif code == RELAY:
            yield from _relay(value)


def _relay(value: bytes) -> Iterator[tuple[str, Any]]:
    at = 0
    while at + 2 <= len(value):
        code, size = value[at], value[at + 1]
        if code in RELAYED:
            yield RELAYED[code], value[at + 2 : at + 2 + size]
        at += 2 + size
