"""Key logs: lines, counts, parts; and the derivations by which keys follow from secrets."""

from __future__ import annotations

import hmac

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from netlake.layers import key_log
from netlake.layers.key_log import Secrets
from netlake.layers.key_schedule import expand_label, prf

RANDOM, SECRET = "ab" * 32, "cd" * 48
GOOD = f"CLIENT_RANDOM {RANDOM} {SECRET}\n".encode()
LINES = {
    GOOD: (1, 0, 0),
    GOOD.upper().replace(b"RANDOM ", b"RANDOM  ").replace(b"\n", b"\r\n"): (1, 0, 0),
    b"": (0, 0, 0),
    b"# SSL/TLS secrets log file\n\n": (0, 0, 0),
    f"EXPORTER_SECRET {RANDOM} {SECRET}\n".encode(): (0, 0, 1),
    b"RSA 0123456789abcdef 0303\n": (0, 0, 1),
    b"CLIENT_RANDOM 00 " + SECRET.encode(): (0, 1, 0),
    b"CLIENT_RANDOM " + RANDOM.encode(): (0, 1, 0),
    b"CLIENT_RANDOM " + RANDOM.encode() + b" xyz": (0, 1, 0),
    b"CLIENT_RANDOM " + RANDOM.encode() + b" " + SECRET.encode() * 9: (0, 1, 0),
    b"\xff\xfe\x00 \x01 \x02\n": (0, 1, 0),
    b"a b c d\n" * 3: (0, 3, 0),
}


@pytest.mark.parametrize("text", LINES, ids=lambda text: repr(text[:40]))
def test_lines_are_secrets_bad_or_ignored(text):
    for size in (1, 7, 1 << 20):
        secrets, rest = Secrets(), b""
        for at in range(0, len(text), size):
            rest = secrets.add(text[at : at + size], rest)
        secrets.add_line(rest)
        assert (len(secrets), secrets.bad, secrets.ignored) == LINES[text]


def test_a_connection_has_the_first_secret_of_each_label():
    secrets = Secrets()
    secrets.add(GOOD + GOOD.replace(b"cd", b"ef") + GOOD.replace(b"CLIENT_RANDOM", b"SERVER_TRAFFIC_SECRET_0"))
    found = secrets.of(bytes.fromhex(RANDOM))
    assert found == {"CLIENT_RANDOM": bytes.fromhex(SECRET), "SERVER_TRAFFIC_SECRET_0": bytes.fromhex(SECRET)}
    assert secrets.of(bytes(32)) == {}


def test_the_earliest_connections_are_forgotten(monkeypatch):
    monkeypatch.setattr(key_log, "MOST", 2)
    secrets = Secrets()
    for number in range(4):
        secrets.add_line(f"CLIENT_RANDOM {number:064x} {SECRET}".encode())
    assert (list(secrets.found), secrets.forgotten) == ([number.to_bytes(32, "big") for number in (2, 3)], 2)


def test_a_line_without_an_end_keeps_no_more_than_a_line():
    assert len(Secrets().add(b"x" * 10_000)) <= key_log.LONGEST_LINE + 1


@pytest.mark.parametrize(("name", "size"), [("sha256", 32), ("sha384", 48)])
def test_labels_expand_as_with_the_library(name, size):
    label = b"tls13 traffic upd"
    info = size.to_bytes(2, "big") + bytes([len(label)]) + label + b"\0"
    made = HKDFExpand({"sha256": hashes.SHA256(), "sha384": hashes.SHA384()}[name], size, info).derive(b"s" * size)
    assert expand_label(b"s" * size, "traffic upd", size, name) == made


def test_prf_of_tls_1_2():
    # from the test vectors that the IETF list published for P_SHA256 (mailing list of TLS, 2009)
    secret, seed = bytes.fromhex("9bbe436ba940f017b17652849a71db35"), bytes.fromhex("a0ba9f936cda311827a6f796ffd5198c")
    expected = (
        "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af0fa0"
        "22f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66"
    )
    assert prf(secret, b"test label", seed, 100, "sha256").hex() == expected


def test_prf_of_tls_1_0_is_that_of_two_hashes():
    secret, seed = b"secret of 17 byte", b"label" + b"seed"
    halves = {"md5": secret[:9], "sha1": secret[8:]}
    made = []
    for name, half in halves.items():
        first = hmac.new(half, seed, name).digest()
        made.append(hmac.new(half, first + seed, name).digest()[:16])
    expected = bytes(a ^ b for a, b in zip(*made, strict=True))
    assert prf(secret, b"label", b"seed", 16, "md5+sha1") == expected
