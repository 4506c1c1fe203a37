"""EAP over LAN (IEEE 802.1X): its frames, and the key frames of the Wi-Fi handshakes.

Decided here: `message` numbers the four messages of the pairwise handshake from the bits ACK and MIC and the length of
the key data, as their flags differ in these only; key frames of the group handshake and requests have null.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import part, remainder
from netlake.layers.parsed import NO_ROW
from netlake.packets import Cursor
from netlake.schema import Column, Message, Table

ON = ("ether.type=0x888e",)
HEADER = 4
KEY = 3
RC4 = 1
PAIRWISE = 0x0008
ACK = 0x0080
MIC = 0x0100
BITS = (
    ("install", 0x0040), ("ack", ACK), ("mic_present", MIC), ("secure", 0x0200), ("mic_error", 0x0400),
    ("request", 0x0800), ("encrypted", 0x1000), ("smk_message", 0x2000),
)  # fmt: skip
INFORMATION = "wlan_rsna_eapol.keydes.key_info"

TABLES = (
    Table(
        "eapol",
        "One row for each frame of EAP over LAN.",
        spec="IEEE 802.1X",
        on=ON,
        size=HEADER,
        context="record",
        columns=(
            Column("version", "u8", "Protocol version, 1 to 3.", at=0, wireshark="eapol.version"),
            Column("type", "u8",
                   "Packet type: 0 EAP packet, 1 start, 2 logoff, 3 key, 4 alert, 5 MKA, 6 to 8 announcements.", at=1,
                   wireshark="eapol.type"),
            Column("length", "u16", "Length of the body, bytes.", at=2, wireshark="eapol.len"),
        ),
    ),
    Table(
        "eapol_key",
        "One row for each EAPOL-Key frame.",
        spec="IEEE 802.11 section 12.7, IEEE 802.1X-2001",
        on=ON,
        context="record",
        inside="eapol",
        message=Message("EAPOL key[ message {message} of the 4-way handshake]", "auth"),
        columns=(
            Column("descriptor_type", "u8", "Descriptor type: 1 RC4, 2 RSN (WPA2 and later), 254 WPA.",
                   wireshark="eapol.keydes.type"),
            Column("message", "u8", "Message of the 4-way handshake, 1 to 4; null in other key frames.",
                   why="wlan_rsna_eapol.keydes.msgnr numbers group keys too"),
            Column("information", "u16", "Key information, bits.", wireshark=INFORMATION),
            Column("descriptor_version", "u8",
                   "Key descriptor version: 1 RC4 and HMAC-MD5, 2 AES and HMAC-SHA1, 3 AES and AES-CMAC.",
                   wireshark=f"{INFORMATION}.keydes_version"),
            Column("pairwise", "bool", "Key type: true pairwise, false group.", wireshark=f"{INFORMATION}.key_type"),
            Column("key_index", "u8", "Key index; in WPA that of the group key.",
                   why="two tshark fields, by descriptor type"),
            Column("install", "bool", "Install: the receiver must install the key.",
                   wireshark=f"{INFORMATION}.install"),
            Column("ack", "bool", "Key ACK: a response is required.", wireshark=f"{INFORMATION}.key_ack"),
            Column("mic_present", "bool", "Key MIC: the frame has a message integrity code.",
                   wireshark=f"{INFORMATION}.key_mic"),
            Column("secure", "bool", "Secure: the initial key exchange is complete.",
                   wireshark=f"{INFORMATION}.secure"),
            Column("mic_error", "bool", "Error: a received MIC was invalid.", wireshark=f"{INFORMATION}.error"),
            Column("request", "bool", "Request: the station requests a handshake.", wireshark=f"{INFORMATION}.request"),
            Column("encrypted", "bool", "The key data is encrypted.", wireshark=f"{INFORMATION}.encrypted_key_data"),
            Column("smk_message", "bool", "SMK message: handshake of a direct link between stations.",
                   wireshark=f"{INFORMATION}.smk_message"),
            Column("key_length", "u16", "Length of the key, bytes.", wireshark="eapol.keydes.key_len"),
            Column("replay_counter", "u64", "Replay counter: detects repeated frames.",
                   wireshark="eapol.keydes.replay_counter"),
            Column("nonce", "bytes", "Nonce of the sender, 32 bytes.", wireshark="wlan_rsna_eapol.keydes.nonce"),
            Column("iv", "bytes", "Initialization vector, 16 bytes.", wireshark="eapol.keydes.key_iv"),
            Column("rsc", "bytes", "Receive sequence counter, 8 bytes.", wireshark="wlan_rsna_eapol.keydes.rsc"),
            Column("id", "bytes", "Key ID, reserved, 8 bytes.", wireshark="wlan_rsna_eapol.keydes.id"),
            Column("mic", "bytes", "Message integrity code, 16 bytes; RC4: the signature.",
                   why="two tshark fields, by descriptor type"),
            Column("data_length", "u16", "Length of the key data, bytes.", wireshark="wlan_rsna_eapol.keydes.data_len"),
            Column("data", "bytes", "Key data, perhaps encrypted; RC4: the key.",
                   why="two tshark fields, by descriptor type"),
        ),
    ),
)  # fmt: skip


def parse_eapol_key(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one key frame; frames of other types have no row."""
    if message.left < 2 or message.data[1] != KEY:
        yield NO_ROW, None
    message.skip(2)
    body = part(message, min(message.number(2), message.promised))
    kind = body.number(1)
    yield "descriptor_type", kind
    if kind == RC4:
        yield from _rc4(body)
        return
    information = body.number(2)
    yield from _information(information)
    yield "key_length", body.number(2)
    yield "replay_counter", body.number(8)
    for name, size in (("nonce", 32), ("iv", 16), ("rsc", 8), ("id", 8), ("mic", 16)):
        yield name, body.take(size)
    size = body.number(2)
    yield "data_length", size
    if information & PAIRWISE and not information & 0x0800:
        yield "message", _message(information, size)
    if size:
        yield from remainder(part(body, size), "data")


def _rc4(body: Cursor) -> Iterator[tuple[str, Any]]:
    yield "key_length", body.number(2)
    yield "replay_counter", body.number(8)
    yield "iv", body.take(16)
    index = body.number(1)
    yield "pairwise", bool(index & 0x80)
    yield "key_index", index & 0x7F
    yield "mic", body.take(16)
    yield from remainder(body, "data")


def _information(information: int) -> Iterator[tuple[str, Any]]:
    yield "information", information
    yield "descriptor_version", information & 7
    yield "pairwise", bool(information & PAIRWISE)
    yield "key_index", information >> 4 & 3
    for name, bit in BITS:
        yield name, bool(information & bit)


def _message(information: int, size: int) -> int:
    """Number of the handshake message: the authenticator sets ACK, the supplicant has key data in message 2 only."""
    if information & ACK:
        return 3 if information & MIC else 1
    return 2 if size else 4
