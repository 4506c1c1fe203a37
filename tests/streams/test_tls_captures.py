"""TLS rows of real captures against tshark, frame by frame.

tshark has the values of a message in the frame that completes its record, each as one list over all messages of the
frame; netlake's rows end where the message ends, so that they can be in an earlier frame.
Left out, because the two differ by design:
- values that tshark also has in other messages (signature algorithms of server key exchanges, serial numbers of OCSP);
- rows with a fault, of which tshark has other parts; hellos in the format of SSL 2.0, which have other fields;
- lists that other extensions have too (ESNI, signature algorithms of certificates, delegated credentials);
- frames that tshark does not dissect as TLS, and streams in which TLS follows another protocol.
"""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

import netlake

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
Values = dict[str, list[str]]
LARGEST = 1 << 20
CLIENT, SERVER, CERTIFICATE = "1", "2", "11"
SSL_2 = 2
# what carries TLS behind another protocol, or is another protocol
OTHERS = ("dtls", "starttls", "startssl", "stls", "upgrade", "postgresql", "heur", "ssl-v2", "sslh")
# extensions whose lists tshark adds to those of a column
TWICE = {"key_share_groups": {0xFFCE}, "signature_algorithms": {0xFFCE, 50, 34}}
# tshark's field of columns in tls_client_hello, in tls_server_hello, and in others
FIELDS = {
    "ja3_full": "tls.handshake.ja3_full", "ja3": "tls.handshake.ja3", "hello_version": "tls.handshake.version",
    "random": "tls.handshake.random", "session_id": "tls.handshake.session_id",
    "cipher_suites": "tls.handshake.ciphersuite", "compression_methods": "tls.handshake.comp_method",
    "extensions": "tls.handshake.extension.type", "server_name": "tls.handshake.extensions_server_name",
    "alpn": "tls.handshake.extensions_alpn_str", "groups": "tls.handshake.extensions_supported_group",
    "point_formats": "tls.handshake.extensions_ec_point_format", "signature_algorithms": "tls.handshake.sig_hash_alg",
    "supported_versions": "tls.handshake.extensions.supported_version",
    "key_share_groups": "tls.handshake.extensions_key_share_group", "psk_modes": "tls.extension.psk_ke_mode",
    "ja3s_full": "tls.handshake.ja3s_full", "ja3s": "tls.handshake.ja3s", "level": "tls.alert_message.level",
    "description": "tls.alert_message.desc", "length": "tls.handshake.certificate_length",
    "serial_number": "x509af.serialNumber",
}  # fmt: skip
SELECTED = {
    "cipher_suite": "cipher_suites", "compression_method": "compression_methods", "supported_version":
    "supported_versions",
}  # fmt: skip
TEXT = {"ja3", "ja3s", "random", "session_id", "server_name", "alpn", "ja3_full", "ja3s_full", "serial_number"}
ONLY = {
    CLIENT: {"ja3_full", "ja3", "groups", "signature_algorithms", "psk_modes", "server_name", "key_share_groups"},
    SERVER: {"ja3s_full", "ja3s"},
    CERTIFICATE: {"length", "serial_number"},
}
HELLO = {
    "hello_version", "random", "session_id", "cipher_suites", "compression_methods", "extensions", "alpn",
    "point_formats", "supported_versions",
}  # fmt: skip


def written(name: str, value: Any) -> list[str]:
    """The values of a column as tshark's, as text."""
    listed = value if isinstance(value, list) else [] if value is None else [value]
    return [one.hex() if isinstance(one, bytes) else str(one) for one in listed]


def of_tshark(path: Path) -> dict[int, Values]:
    """The values of each frame that has a handshake message or an alert."""
    fields = ["frame.number", "tls.handshake.type", *FIELDS.values()]
    command = ["tshark", "-r", str(path), "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a", "-E"]
    command += ["aggregator=|", *(part for field in fields for part in ("-e", field))]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    found = {}
    for line in lines:
        number, *values = [part.split("|") if part else [] for part in line.split("\t")]
        if any(values):
            frame = dict(zip(["type", *FIELDS], values, strict=True))
            found[int(number[0])] = {
                name: some if name in TEXT else [str(int(one, 0)) for one in some] for name, some in frame.items()
            }
    return found


def of_netlake(path: Path) -> dict[int, list[dict[str, Any]]]:
    """The rows that are complete in each frame, with the names of tshark's columns."""
    tables = {"tls_client_hello": CLIENT, "tls_server_hello": SERVER, "x509": CERTIFICATE, "tls_alert": "alert"}
    frames: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for name, table in netlake.decode(path, include=list(tables)).items():
        for row in table.to_pylist():
            renamed = {SELECTED.get(column, column): value for column, value in row.items()}
            frames[row["last_packet"] or row["packet"]].append(renamed | {"type": tables[name]})
    return frames


def names_of(kind: str) -> set[str]:
    if kind == "alert":
        return {"level", "description"}
    return ONLY[kind] | (HELLO if kind != CERTIFICATE else set())


def compare(frame: Values, rows: list[dict[str, Any]]) -> list[tuple[str, list[str], list[str]]]:
    """The columns of the rows that complete in a frame which differ from tshark's values."""
    kinds = {row["type"] for row in rows}
    different = []
    for name in sorted(set().union(*map(names_of, kinds))):
        mixed = name in ("serial_number", "signature_algorithms") and set(frame["type"]) - kinds - {"14"}
        extensions = {kind for row in rows if row["type"] == CLIENT for kind in row["extensions"]}
        if mixed or extensions & TWICE.get(name, set()):
            continue
        found = [one for row in rows if name in names_of(row["type"]) for one in written(name, row[name])]
        if found != frame[name]:
            different.append((name, found, frame[name]))
    return different


def test_values_are_those_of_tshark(shared_captures: Path) -> None:
    """Every value of every whole message, in all captures with tls or ssl in their names."""
    compared, wrong, missing = 0, [], []
    for path in [path for path in sorted(shared_captures.rglob("*.pcap*")) if _chosen(path)]:
        expected, found = of_tshark(path), of_netlake(path)
        if counts(expected) - Counter(row["type"] for rows in found.values() for row in rows):
            missing.append((path.name, counts(expected)))
        for number, frame in expected.items():
            rows = found.get(number, [])
            if rows and not any(map(other, rows)):
                compared += len(rows)
                wrong += [(path.name, number, *one) for one in compare(frame, rows)]
    assert (missing, wrong) == ([], [])
    assert compared > 200


def other(row: dict[str, Any]) -> bool:
    """Whether tshark has other fields for a row."""
    return bool(row["fault"]) or bool(row.get("encrypted")) or row.get("record_version") == SSL_2


def counts(frames: dict[int, Values]) -> Counter[str]:
    """How many hellos and certificates tshark has."""
    found = Counter(kind for frame in frames.values() for kind in frame["type"] if kind in (CLIENT, SERVER))
    return found + Counter({CERTIFICATE: sum(len(frame["length"]) for frame in frames.values())})


def _chosen(path: Path) -> bool:
    name = path.name.lower()
    relevant = ("tls" in name or "ssl" in name) and not any(one in name for one in OTHERS)
    return relevant and path.stat().st_size < LARGEST and not name.endswith(".gz")
