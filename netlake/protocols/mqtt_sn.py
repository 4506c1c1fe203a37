"""MQTT for sensor networks: publish and subscribe over UDP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import part, remainder, text
from netlake.packets import Cursor, Malformed
from netlake.schema import Column, Message, Table

CONNECT, CONNACK, REGISTER, REGACK, PUBLISH, PUBACK = 0x04, 0x05, 0x0A, 0x0B, 0x0C, 0x0D
SUBSCRIBE, SUBACK, UNSUBSCRIBE, PINGREQ, DISCONNECT = 0x12, 0x13, 0x14, 0x16, 0x18
# types that end in a return code, with the fields before it
RETURNED = {CONNACK: (), REGACK: ("topic_id", "message_id"), PUBACK: ("topic_id", "message_id")}

TABLES = (
    Table(
        "mqtt_sn",
        "One row for each MQTT-SN message.",
        spec="MQTT-SN 1.2",
        on=("udp.port=1883", "udp.port=10000"),
        message=Message(
            "MQTT-SN {message_type:4=connect,5=connect ack,10=register,12=publish,18=subscribe,22=ping,24=disconnect}"
            "[ {client_id}][ {topic_name}]",
            "iot",
        ),
        columns=(
            Column("length", "u16", "Bytes of the message.", why="two tshark fields, by size"),
            Column("message_type", "u8",
                   "Message type: 4 connect, 10 register, 12 publish, 18 subscribe, 22 ping, 24 disconnect.",
                   wireshark="mqttsn.msg.type"),
            Column("flags", "u8", "Flags: 128 duplicate, 96 QoS, 16 retain, 8 will, 4 clean session, 3 topic ID type.",
                   why="one tshark field for each flag"),
            Column("client_id", "text", "Connect: client identifier.", wireshark="mqttsn.client.id"),
            Column("keep_alive", "u16", "Connect: keep-alive timer, seconds.", wireshark="mqttsn.keep.alive"),
            Column("topic_id", "u16", "Topic ID.", wireshark="mqttsn.topic.id"),
            Column("message_id", "u16", "Message ID that matches replies to requests.", wireshark="mqttsn.msg.id"),
            Column("topic_name", "text", "Register, subscribe, unsubscribe: topic name.",
                   why="tshark has several fields"),
            Column("return_code", "u8",
                   "Reply: return code: 0 accepted, 1 congestion, 2 invalid topic ID, 3 not supported.",
                   wireshark="mqttsn.return.code"),
            Column("data", "bytes", "Publish: payload; in other types the bytes after the columns.",
                   why="tshark shows text"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message."""
    length, head = message.number(1), 1
    if length == 1:
        length, head = message.number(2), 3
    yield "length", length
    if length <= head:
        raise Malformed("bad_length")
    body = part(message, length - head)
    kind = body.number(1)
    yield "message_type", kind
    if kind in RETURNED:
        for name in RETURNED[kind]:
            yield name, body.number(2)
        yield "return_code", body.number(1)
    elif kind == SUBACK:
        yield "flags", body.number(1)
        yield "topic_id", body.number(2)
        yield "message_id", body.number(2)
        yield "return_code", body.number(1)
    else:
        yield from _request(kind, body)
    yield from remainder(body, "data")


def _request(kind: int, body: Cursor) -> Iterator[tuple[str, Any]]:
    if kind == CONNECT:
        yield "flags", body.number(1)
        body.skip(1)
        yield "keep_alive", body.number(2)
        yield "client_id", _rest(body)
    elif kind == REGISTER:
        yield "topic_id", body.number(2)
        yield "message_id", body.number(2)
        yield "topic_name", _rest(body)
    elif kind == PUBLISH:
        yield "flags", body.number(1)
        yield "topic_id", body.number(2)
        yield "message_id", body.number(2)
    elif kind in (SUBSCRIBE, UNSUBSCRIBE):
        flags = body.number(1)
        yield "flags", flags
        yield "message_id", body.number(2)
        if flags & 3 == 1:
            yield "topic_id", body.number(2)
        else:
            yield "topic_name", _rest(body)
    elif kind == PINGREQ and body.promised:
        yield "client_id", _rest(body)


def _rest(body: Cursor) -> str:
    return text(body.take(body.promised))
