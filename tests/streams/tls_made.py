"""Makes captures of TLS with Python's `ssl`: a client and a server in memory, their records as TCP segments, a key log.

`Talk` runs a handshake and then what both sides say; `pcap` writes what was sent as a capture. OpenSSL makes the
records and the key log, so what is decrypted from them is compared with what was said.
"""

from __future__ import annotations

import datetime as dt
import ssl
import struct
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

CLIENT, SERVER = 0, 1


@cache
def certificate(kind: str, folder: Path) -> Path:
    """A file with a self-signed certificate of `host.example` and its key, of kind rsa or ec."""
    key: Any = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "host.example")])
    begin = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
        .not_valid_before(begin).not_valid_after(begin + dt.timedelta(days=3650)).sign(key, hashes.SHA256())
    )  # fmt: skip
    path = folder / f"{kind}.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


@dataclass
class Talk:
    """One connection. `sent` has what each side sent, in order: side, bytes."""

    folder: Path
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ciphers: str = ""
    kind: str = "rsa"
    group: str = ""
    session: Any = None
    sent: list[tuple[int, bytes]] = field(default_factory=list)
    contexts: tuple[Any, Any] | None = None

    def __post_init__(self) -> None:
        self.log = self.folder / "keys.log"
        client, server = self.contexts or (
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        )  # fmt: skip
        if self.contexts is None:
            client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
            client.keylog_filename = str(self.log)
            server.load_cert_chain(certificate(self.kind, self.folder))
            for one in (client, server):
                if self.ciphers:
                    one.set_ciphers(f"{self.ciphers}:@SECLEVEL=0")
                if self.group and one is server:
                    one.set_ecdh_curve(self.group)
                one.minimum_version = one.maximum_version = self.version
        self.contexts = (client, server)
        self.bios = [(ssl.MemoryBIO(), ssl.MemoryBIO()) for _ in range(2)]
        self.ends = [
            client.wrap_bio(*self.bios[0], server_hostname="host.example", session=self.session),
            server.wrap_bio(*self.bios[1], server_side=True),
        ]
        waiting = {CLIENT, SERVER}
        for _ in range(8):
            for side in sorted(waiting):
                try:
                    self.ends[side].do_handshake()
                    waiting.discard(side)
                except ssl.SSLWantReadError:
                    pass
                self._move(side)
        assert not waiting

    def _move(self, side: int) -> None:
        data = self.bios[side][1].read()
        if data:
            self.sent.append((side, data))
            self.bios[1 - side][0].write(data)

    def say(self, side: int, text: bytes) -> None:
        """Send bytes."""
        for at in range(0, len(text), 16384):
            self.ends[side].write(text[at : at + 16384])
        self._move(side)
        left = len(text)
        while left:
            left -= len(self.ends[1 - side].read(left))

    def close(self) -> None:
        """Send close_notify on both sides."""
        for side in (CLIENT, SERVER):
            with suppress(ssl.SSLError):
                self.ends[side].unwrap()
            self._move(side)


def segments(sent: Iterable[tuple[int, bytes]], size: int = 1460) -> list[tuple[int, bytes]]:
    """What was sent in segments of at most `size` bytes."""
    return [(side, data[at : at + size]) for side, data in sent for at in range(0, len(data), size)]


def frames(parts: Sequence[tuple[int, bytes]], *, lost: Iterable[int] = (), port: int = 443) -> list[bytes]:
    """The packets of a connection, from its handshake to its FINs; `lost` are the parts that the capture lacks."""
    ports, seqs, made = (40000, port), [1000, 5000], []
    made += [_frame(0, ports, 999, 0, 0x02), _frame(1, ports, 4999, 1000, 0x12), _frame(0, ports, 1000, 5000, 0x10)]
    missing = set(lost)
    for index, (side, data) in enumerate(parts):
        if index not in missing:
            made.append(_frame(side, ports, seqs[side], seqs[1 - side], 0x18, data))
        seqs[side] += len(data)
    made += [_frame(side, ports, seqs[side], seqs[1 - side] + side, 0x11) for side in (0, 1)]
    return made


def _frame(side: int, ports: tuple[int, int], seq: int, ack: int, flags: int, data: bytes = b"") -> bytes:
    source, destination = (ports, ports[::-1])[side]
    tcp = struct.pack(">HHIIBBHHH", source, destination, seq, ack, 0x50, flags, 65535, 0, 0) + data
    hosts = (bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2)))
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0, hosts[side], hosts[1 - side])
    return b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0" + ip + tcp


def pcap(path: Path, packets: Iterable[bytes]) -> Path:
    """Write a capture, one packet each millisecond."""
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    for number, frame in enumerate(packets):
        parts.append(struct.pack("<IIII", 1_700_000_000, number * 1000, len(frame), len(frame)) + frame)
    path.write_bytes(b"".join(parts))
    return path
