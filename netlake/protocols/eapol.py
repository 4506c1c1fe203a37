"""Port-based access control (EAP over LAN): its frames, and the keys that they carry in the handshakes of Wi-Fi."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import part, remainder
from netlake.layers.parsed import NO_ROW
from netlake.packets import Cursor
from netlake.schema import Column, Table

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
            Column("version", "u8", "Version of the protocol, 1 to 3.", at=0, wireshark="eapol.version"),
            Column("type", "u8",
                   "0 EAP packet, 1 start, 2 logoff, 3 key, 4 alert, 5 key agreement, 6 to 8 announcements.", at=1,
                   wireshark="eapol.type"),
            Column("length", "u16", "Bytes of the body.", at=2, wireshark="eapol.len"),
        ),
    ),
    Table(
        "eapol_key",
        "One row for each key frame of EAP over LAN.",
        spec="IEEE 802.11 section 12.7, IEEE 802.1X-2001",
        on=ON,
        context="record",
        inside="eapol",
        columns=(
            Column("descriptor_type", "u8", "1 RC4, 2 RSN (WPA2 and later), 254 WPA.", wireshark="eapol.keydes.type"),
            Column("message", "u8", "Which of the four messages of the handshake, 1 to 4; null where that is not told.",
                   why="wlan_rsna_eapol.keydes.msgnr counts group keys too"),
            Column("information", "u16", "Key information, all its bits.", wireshark=INFORMATION),
            Column("descriptor_version", "u8", "1 MD5 and RC4, 2 SHA-1 and AES, 3 AES-CMAC.",
                   wireshark=f"{INFORMATION}.keydes_version"),
            Column("pairwise", "bool", "A key of this pair, else of the group.", wireshark=f"{INFORMATION}.key_type"),
            Column("key_index", "u8", "Index of the key; WPA: of the group's.", why="two fields, by descriptor type"),
            Column("install", "bool", "The key is to be used.", wireshark=f"{INFORMATION}.install"),
            Column("ack", "bool", "An answer is wanted.", wireshark=f"{INFORMATION}.key_ack"),
            Column("mic_present", "bool", "The frame is signed.", wireshark=f"{INFORMATION}.key_mic"),
            Column("secure", "bool", "Both sides have the key.", wireshark=f"{INFORMATION}.secure"),
            Column("mic_error", "bool", "A signature was wrong.", wireshark=f"{INFORMATION}.error"),
            Column("request", "bool", "The station asks for a handshake.", wireshark=f"{INFORMATION}.request"),
            Column("encrypted", "bool", "The key data is encrypted.", wireshark=f"{INFORMATION}.encrypted_key_data"),
            Column("smk_message", "bool", "It is for a link of stations.", wireshark=f"{INFORMATION}.smk_message"),
            Column("key_length", "u16", "Bytes of the key.", wireshark="eapol.keydes.key_len"),
            Column("replay_counter", "u64", "What tells frames from repeated ones.",
                   wireshark="eapol.keydes.replay_counter"),
            Column("nonce", "bytes", "Random number of the sender.", wireshark="wlan_rsna_eapol.keydes.nonce"),
            Column("iv", "bytes", "Initialisation vector.", wireshark="eapol.keydes.key_iv"),
            Column("rsc", "bytes", "Receive sequence counter.", wireshark="wlan_rsna_eapol.keydes.rsc"),
            Column("id", "bytes", "Id of the key; reserved.", wireshark="wlan_rsna_eapol.keydes.id"),
            Column("mic", "bytes", "Message integrity code; RC4: the signature.", why="two fields, by descriptor type"),
            Column("data_length", "u16", "Bytes of key data.", wireshark="wlan_rsna_eapol.keydes.data_len"),
            Column("data", "bytes", "Key data, perhaps encrypted; RC4: the key.", why="two fields, by descriptor type"),
        ),
    ),
)  # fmt: skip


def parse_eapol_key(message: Cursor) -> Iterator[tuple[str, Any]]:
    """A frame, if it is of a key. Signatures longer than 16 bytes are told by the length of the whole."""
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
    """Which message of the handshake: the access point asks for answers, the station sends data once."""
    if information & ACK:
        return 3 if information & MIC else 1
    return 2 if size else 4
