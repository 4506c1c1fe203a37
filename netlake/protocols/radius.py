"""Remote Authentication Dial In User Service: network access requests, their replies, and accounting.

Decided here:
- `attributes` has all attributes as sent; a vendor-specific one is split into the vendor's attributes if its bytes are
  a sequence of them, else it is kept as one.
- Common attributes have typed columns; of a repeated one the first is used. Passwords are kept as sent, hidden by the
  shared secret.
- Bytes after the length are not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from netlake.layers.items import items, part, text
from netlake.packets import Cursor, Malformed
from netlake.schema import Column, List, Message, Struct, Table

HEADER = 20
VENDOR = 26

ATTRIBUTE = Struct(
    (
        Column("type", "u8", "IANA number of the attribute.", why="radius.avp.type also has vendor types"),
        Column("vendor", "u32", "Vendor-specific: IANA enterprise number of the vendor; else null.",
               why="tshark repeats it"),
        Column("vendor_type", "u8", "Vendor-specific: attribute number of the vendor; else null.",
               why="tshark repeats it"),
        Column("value", "bytes", "Attribute value, as sent.", why="one tshark field for each attribute"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "radius",
        "One row for each RADIUS message.",
        spec="RFC 2865, RFC 2866, RFC 2868, RFC 2869, RFC 3162, RFC 5176",
        on=("udp.port=1812", "udp.port=1813", "udp.port=1645", "udp.port=1646", "udp.port=3799", "udp.port=1700"),
        message=Message(
            "RADIUS {code:1=access request,2=access accept,3=access reject,4=accounting request,5=accounting"
            " response,11=access challenge,12=status server,40=disconnect request,43=CoA request}[ {user_name}][ of"
            " {calling_station_id}][ at {nas_identifier}| at {nas_ip}]["
            " {acct_status_type:1=start,2=stop,3=interim,7=accounting on,8=accounting off}][ gets {framed_ip}][:"
            " {reply_message}]",
            "auth", hosts=("framed_ip", "nas_ip"),
        ),
        columns=(
            Column("code", "u8",
                   "Code: 1 access request, 2 accept, 3 reject, 4 and 5 accounting, 11 challenge, 40 disconnect.",
                   wireshark="radius.code"),
            Column("identifier", "u8", "Identifier that matches replies to requests.", wireshark="radius.id"),
            Column("length", "u16", "Bytes of the message, 20 to 4096.", wireshark="radius.length"),
            Column("authenticator", "bytes", "Authenticator: random in a request, a digest in a reply; 16 bytes.",
                   wireshark="radius.authenticator"),
            Column("user_name", "text", "User name.", wireshark="radius.User_Name"),
            Column("nas_ip", "ip", "IP address of the network access server.",
                   why="one tshark field for each IP version"),
            Column("nas_identifier", "text", "Name of the network access server.", wireshark="radius.NAS_Identifier"),
            Column("nas_port", "u32", "Port of the network access server.", wireshark="radius.NAS_Port"),
            Column("nas_port_type", "u32", "Port type: 5 virtual, 15 Ethernet, 19 wireless.",
                   wireshark="radius.NAS_Port_Type"),
            Column("service_type", "u32", "Service type: 2 framed, 8 authenticate only, 10 call check.",
                   wireshark="radius.Service_Type"),
            Column("framed_ip", "ipv4", "Address assigned to the user.", wireshark="radius.Framed_IP_Address"),
            Column("called_station_id", "text", "Called station; for an access point its MAC address and SSID.",
                   wireshark="radius.Called_Station_Id"),
            Column("calling_station_id", "text", "Calling station: MAC address or telephone number of the user.",
                   wireshark="radius.Calling_Station_Id"),
            Column("reply_message", "text", "Text for the user.", wireshark="radius.Reply_Message"),
            Column("session_timeout", "u32", "Maximum session time, seconds.", wireshark="radius.Session_Timeout"),
            Column("acct_status_type", "u32",
                   "Accounting status: 1 start, 2 stop, 3 interim, 7 accounting on, 8 accounting off.",
                   wireshark="radius.Acct_Status_Type"),
            Column("acct_session_id", "text", "Accounting session ID, shared by all records of a session.",
                   wireshark="radius.Acct_Session_Id"),
            Column("acct_session_time", "u32", "Session time so far, seconds.", wireshark="radius.Acct_Session_Time"),
            Column("acct_input_octets", "u32", "Bytes received from the user, modulo 2^32.",
                   wireshark="radius.Acct_Input_Octets"),
            Column("acct_output_octets", "u32", "Bytes sent to the user, modulo 2^32.",
                   wireshark="radius.Acct_Output_Octets"),
            Column("acct_terminate_cause", "u32", "Terminate cause: 1 user request, 4 idle timeout, 5 session timeout.",
                   wireshark="radius.Acct_Terminate_Cause"),
            Column("attributes", List(ATTRIBUTE), "Attributes in wire order.", why="compared in the typed columns"),
            Column("acct_input_packets", "u32", "Packets received from the user.",
                   wireshark="radius.Acct_Input_Packets"),
            Column("acct_output_packets", "u32", "Packets sent to the user.", wireshark="radius.Acct_Output_Packets"),
            Column("acct_input_gigawords", "u32", "Wraps of `acct_input_octets` at 2^32; null for none.",
                   wireshark="radius.Acct_Input_Gigawords"),
            Column("acct_output_gigawords", "u32", "Wraps of `acct_output_octets` at 2^32; null for none.",
                   wireshark="radius.Acct_Output_Gigawords"),
            Column("nas_port_id", "text", "Name of the port of the network access server.",
                   wireshark="radius.NAS_Port_Id"),
            Column("connect_info", "text", "Connection of the user, such as CONNECT 54Mbps 802.11g.",
                   wireshark="radius.Connect_Info"),
            Column("tunnel_client_endpoint", "text", "Address of the tunnel initiator, without its tag.",
                   why="tshark has the tag in another field"),
            Column("event_time", "ts", "Accounting: time of the event, UTC, seconds.",
                   why="radius.Event_Timestamp is text"),
        ),
    ),
)  # fmt: skip


def _number(value: bytes) -> int | None:
    return int.from_bytes(value, "big") if len(value) == 4 else None


def _address(value: bytes) -> bytes | None:
    return value if len(value) in (4, 16) else None


def _untagged(value: bytes) -> str:
    """Text without its tag: a first byte below 32 that groups the attributes of one tunnel."""
    return text(value[1:] if value[:1] < b"\x20" else value)


def _time(value: bytes) -> int | None:
    return int.from_bytes(value, "big") * 1_000_000 if len(value) == 4 else None


TYPED: dict[int, tuple[str, Callable[[bytes], Any]]] = {
    1: ("user_name", text), 4: ("nas_ip", _address), 5: ("nas_port", _number), 6: ("service_type", _number),
    8: ("framed_ip", _address), 18: ("reply_message", text), 27: ("session_timeout", _number),
    30: ("called_station_id", text), 31: ("calling_station_id", text), 32: ("nas_identifier", text),
    40: ("acct_status_type", _number), 42: ("acct_input_octets", _number), 43: ("acct_output_octets", _number),
    44: ("acct_session_id", text), 46: ("acct_session_time", _number), 49: ("acct_terminate_cause", _number),
    61: ("nas_port_type", _number), 95: ("nas_ip", _address), 47: ("acct_input_packets", _number),
    48: ("acct_output_packets", _number), 52: ("acct_input_gigawords", _number),
    53: ("acct_output_gigawords", _number), 55: ("event_time", _time), 66: ("tunnel_client_endpoint", _untagged),
    77: ("connect_info", text), 87: ("nas_port_id", text),
}  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message; bytes after its length are not read."""
    yield "code", message.number(1)
    yield "identifier", message.number(1)
    length = message.number(2)
    yield "length", length
    yield "authenticator", message.take(16)
    if length < HEADER:
        raise Malformed("bad_length")
    body = part(message, length - HEADER)
    attributes: list[dict[str, Any]] = []
    yield "attributes", attributes
    seen: set[str] = set()
    for kind, value in items(body, header=2):
        if kind == VENDOR and len(value) >= 4:
            _vendor(value, attributes)
            continue
        attributes.append({"type": kind, "value": value})
        name, typed = TYPED.get(kind, ("", text))
        if name and name not in seen:
            seen.add(name)
            yield name, typed(value)


def _vendor(value: bytes, attributes: list[dict[str, Any]]) -> None:
    """Append the attributes of a vendor, or one attribute with all bytes if these are no sequence of attributes."""
    vendor, inside, result = int.from_bytes(value[:4], "big"), value[4:], []
    while len(inside) >= 2 and 2 <= inside[1] <= len(inside):
        result.append({"type": VENDOR, "vendor": vendor, "vendor_type": inside[0], "value": inside[2 : inside[1]]})
        inside = inside[inside[1] :]
    attributes.extend([{"type": VENDOR, "vendor": vendor, "value": value[4:]}] if inside or not result else result)
