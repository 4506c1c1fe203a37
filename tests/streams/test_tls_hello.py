"""Hellos by column against the reader message by message (netlake.layers.client_hello), and published fingerprints."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlake.kernels.tls_state import REASON_SHIFT, TRANSPORT_SHIFT, VERSION_SHIFT, Reason, Transport
from netlake.layers.client_hello import Hello, ja3, ja3s, ja4, read_client_hello, read_server_hello
from netlake.packets import Cursor, Malformed, Nullable, Short
from netlake.schema import Table, arrow, faults
from netlake.streams.tls.declared import CLIENT_HELLO, SERVER_HELLO
from netlake.streams.tls.hellos import read_client, read_server
from tests.messages import build

EXTRAS = (40, 41, 45, 51, 0xFE0D)  # extensions that only the columnar reader reads
SRTP = 14  # an extension that only the reader message by message reads
Row = dict[str, Any]


def message(kind: int, body: bytes) -> bytes:
    """A handshake message."""
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def extension(kind: int, body: bytes) -> bytes:
    return kind.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body


def counted(values: list[int], size: int, prefix: int) -> bytes:
    body = b"".join(value.to_bytes(size, "big") for value in values)
    return len(body).to_bytes(prefix, "big") + body


def client(extensions: bytes | None = b"", suites: tuple[int, ...] = (0x1301, 0xC02F), version: int = 0x0303) -> bytes:
    """The body of a ClientHello."""
    body = version.to_bytes(2, "big") + bytes(range(32)) + b"\x03abc" + counted(list(suites), 2, 2) + b"\x01\x00"
    return body if extensions is None else body + len(extensions).to_bytes(2, "big") + extensions


def rows_of(bodies: list[tuple[bytes, int]], *, server: bool, transport: Transport = Transport.TCP) -> list[Row]:
    """The rows of hellos, each a body and how many more bytes of it are missing from the capture."""
    parts = [message(2 if server else 1, body) for body, _ in bodies]
    lengths = [len(body) + missing for body, missing in bodies]
    parts = [part[:1] + size.to_bytes(3, "big") + part[4:] for part, size in zip(parts, lengths, strict=True)]
    reasons = [Reason.GAP if missing else Reason.WHOLE for _, missing in bodies]
    hint = 0x0301 << VERSION_SHIFT | transport << TRANSPORT_SHIFT
    hints = [hint | reason << REASON_SHIFT for reason in reasons]
    messages = build(parts, missing=[missing for _, missing in bodies], hint=hints, around=b"\x55")
    columns = read_server(messages) if server else read_client(messages)
    table = SERVER_HELLO if server else CLIENT_HELLO
    rows: list[Row] = [{"fault": faults.NAMES[code]} for code in messages.fault.tolist()]
    for name, value in columns.items():
        for row, one in zip(rows, listed(table, name, value), strict=True):
            row[name] = one
    return rows


def listed(table: Table, name: str, value: Any) -> list[Any]:
    """A column as Python values, in the type of the table."""
    if isinstance(value, Nullable):
        value = pa.array(value.values, mask=~value.valid)
    elif isinstance(value, np.ndarray):
        value = pa.array(value)
    value.validate(full=True)
    found: list[Any] = value.cast(arrow.schema(table).field(name).type).to_pylist()
    return found


def twin(body: bytes, missing: int, *, server: bool, transport: Transport) -> Row:
    """The same by the reader message by message, for the columns that both have."""
    hello, cursor, fault = Hello(), Cursor(body, missing=missing), None
    try:
        if server:
            read_server_hello(cursor, hello)
        else:
            read_client_hello(cursor, hello, datagrams=transport is Transport.DTLS)
    except Short:
        fault = "cut" if missing else "short_header"
    except Malformed as found:
        fault = found.fault
    fault = "cut" if missing else cursor.faults[0] if cursor.faults else fault
    row = {
        "fault": fault, "hello_version": hello.version, "random": hello.random, "session_id": hello.session_id or None,
        "extensions": hello.extensions, "alpn": [escaped(name) for name in hello.alpn],
        "record_version": None if transport is Transport.QUIC else 0x0301, "transport": transport.name.lower(),
    }  # fmt: skip
    if server:
        row["cipher_suite"] = hello.cipher_suites[0] if hello.cipher_suites else None
        row["supported_version"] = hello.supported_versions[0] if hello.supported_versions else None
        return row | {"ja3s": ja3s(hello)}
    return row | {
        "cipher_suites": hello.cipher_suites, "server_name": hello.server_name, "groups": hello.groups,
        "point_formats": hello.point_formats, "signature_algorithms": hello.signatures,
        "supported_versions": hello.supported_versions, "ja3": ja3(hello), "ja4": ja4(hello, "tqd"[transport]),
    }  # fmt: skip


def escaped(data: bytes) -> str:
    """Text as sent; in one that is not UTF-8 other bytes and control characters as escapes."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "".join(map(_escaped, data.decode("utf-8", "surrogateescape")))


def _escaped(one: str) -> str:
    code, short = ord(one), {"\t": "\\t", "\n": "\\n", "\r": "\\r", "\\": "\\\\"}
    if one in short:
        return short[one]
    if code < 0x20 or code == 0x7F or 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code & 0xFF:02x}"
    return f"\\u{code:04x}" if 0x80 <= code < 0xA0 else one


def compare(bodies: list[tuple[bytes, int]], *, server: bool, transport: Transport = Transport.TCP) -> None:
    bodies = [one for one in bodies if not server or one[0][:1] != b"\x7f"]  # drafts of TLS 1.3
    for found, (body, missing) in zip(rows_of(bodies, server=server, transport=transport), bodies, strict=True):
        expected = twin(body, missing, server=server, transport=transport)
        if found["fault"] != expected["fault"] and set(found["extensions"]) & {*EXTRAS, SRTP}:
            assert {found["fault"], expected["fault"]} <= {"bad_options", None, "too_large", "bad_length"}
            del expected["fault"]
        assert {name: found[name] for name in expected} == expected


number = st.integers(0, 0xFFFF) | st.sampled_from([0x0A0A, 0x1A1A, 0xFAFA, 0x0303, 0x0304, 0x0002, 0xFEFD])
shorts = st.lists(number, max_size=12)


@st.composite
def extensions(draw: st.DrawFn) -> bytes:
    """Extensions, most of them of known types, well-formed or not."""
    parts = []
    for kind in draw(st.lists(st.sampled_from([0, 10, 11, 13, 16, 43, 51, 45, 41, 0xFE0D, 0x1A1A, 21]), max_size=8)):
        name = draw(st.text("ab.é", max_size=9)).encode()
        protocols = draw(st.lists(st.binary(max_size=5), max_size=3))
        listed_names = b"".join(bytes([len(one)]) + one for one in protocols)
        body = {
            0: (len(name) + 3).to_bytes(2, "big") + b"\x00" + len(name).to_bytes(2, "big") + name,
            11: counted([value & 255 for value in draw(shorts)], 1, 1),
            16: len(listed_names).to_bytes(2, "big") + listed_names,
            43: counted(draw(shorts), 2, 1) if draw(st.booleans()) else b"\x03\x04",
        }.get(kind, counted(draw(shorts), 2, 2))
        if draw(st.integers(0, 5)) == 0:
            body = draw(st.binary(max_size=12))
        parts.append(extension(kind, body))
    return b"".join(parts)


@st.composite
def hello_bodies(draw: st.DrawFn) -> tuple[bytes, int]:
    """The body of a client or server hello, cut or not, and how many bytes are missing."""
    suites = tuple(draw(shorts))
    body = client(draw(st.none() | extensions()), suites, draw(number))
    if draw(st.booleans()):
        written = draw(extensions())
        body = body[:38] + draw(st.binary(min_size=3, max_size=3)) + len(written).to_bytes(2, "big") + written
    if draw(st.integers(0, 3)) == 0:
        end = draw(st.integers(0, len(body)))
        return body[:end], (len(body) - end) * draw(st.integers(0, 1))
    if draw(st.integers(0, 3)) == 0 and body:
        at = draw(st.integers(0, len(body) - 1))
        return body[:at] + bytes([draw(st.integers(0, 255))]) + body[at + 1 :], 0
    return body, 0


@settings(max_examples=400, deadline=None)
@given(st.lists(hello_bodies(), min_size=1, max_size=4), st.booleans(), st.sampled_from(Transport))
def test_columns_are_those_of_the_twin(
    bodies: list[tuple[bytes, int]],
    server: bool,  # noqa: FBT001
    transport: Transport,
) -> None:
    if transport is Transport.DTLS and not server:  # most of them with an empty cookie
        bodies = [(body[:39] + b"\0" + body[39:] if len(body) > 39 else body, missing) for body, missing in bodies]
    compare(bodies, server=server, transport=transport)


def test_names_that_are_not_utf_8_are_escaped() -> None:
    written = extension(0, b"\x00\x09\x00\x00\x06a\xff\\.\n\xc3") + extension(16, b"\x00\x06\x02h2\x02\xe9\xa9")
    row = rows_of([(client(written), 0)], server=False)[0]
    assert (row["server_name"], row["alpn"]) == ("a\\xff\\\\.\\n\\xc3", ["h2", "\\xe9\\xa9"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=200), st.integers(0, 2)), min_size=1, max_size=4), st.booleans())
def test_arbitrary_bytes_are_those_of_the_twin(bodies: list[tuple[bytes, int]], server: bool) -> None:  # noqa: FBT001
    compare(bodies, server=server)


@pytest.mark.parametrize("server", [True, False])
def test_no_messages_have_no_rows(server: bool) -> None:  # noqa: FBT001
    assert rows_of([], server=server) == []


def test_number_of_extensions_is_bounded() -> None:
    """One more than the greatest number, and repeated ones, as the twin has them."""
    for count in (511, 512, 513, 2000):
        compare([(client(extension(10, b"\x00\x02\x00\x1d") * count), 0)], server=False)


def test_greatest_lists_are_sorted() -> None:
    suites = tuple((7919 * index) & 0xFFFF for index in range(32767))
    compare([(client(extension(13, counted(list(suites[:2000]), 2, 2)), suites), 0)], server=False)


# https://github.com/FoxIO-LLC/ja4/blob/main/technical_details/JA4.md: lists of the example, and their JA4
SUITES = "1301 1302 1303 c02b c02f c02c c030 cca9 cca8 c013 c014 009c 009d 002f 0035"
EXTENSIONS = "001b 0000 0033 0010 4469 0017 002d 000d 0005 0023 0012 002b ff01 000b 000a 0015"
SIGNATURES = "0403 0804 0401 0503 0805 0501 0806 0601"


def numbers(written: str) -> list[int]:
    return [int(word, 16) for word in written.split()]


def test_ja4_of_the_example_in_its_specification() -> None:
    bodies = {
        0x0010: b"\x00\x03\x02h2", 0x000D: counted(numbers(SIGNATURES), 2, 2), 0x002B: b"\x04\x03\x04\x03\x03",
    }  # fmt: skip
    written = b"".join(extension(kind, bodies.get(kind, b"")) for kind in numbers(EXTENSIONS))
    row = rows_of([(client(written, tuple(numbers(SUITES))), 0)], server=False)[0]
    assert row["ja4"] == "t13d1516h2_8daaf6152771_e5627efa2ab1"
    first, suites, rest = row["ja4_r"].split("_", 2)
    assert (first, suites) == ("t13d1516h2", ",".join(sorted(SUITES.split())))
    hashed = sorted(set(EXTENSIONS.split()) - {"0000", "0010"})
    assert rest == ",".join(hashed) + "_" + ",".join(SIGNATURES.split())


@pytest.mark.parametrize(
    ("suites", "written", "full", "digest"),
    [
        # https://github.com/salesforce/ja3, README: the two examples of JA3
        (
            (47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4),
            extension(0, b"") + extension(10, counted([23, 24, 25], 2, 2)) + extension(11, b"\x01\x00"),
            "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0",
            "ada70206e40642a3e4461f35503241d5",
        ),
        (
            (4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99),
            None,
            "769,4-5-10-9-100-98-3-6-19-18-99,,,",
            "de350869b8c85de67a350c8d186f11e6",
        ),
    ],
)
def test_ja3_of_published_examples(suites: tuple[int, ...], written: bytes | None, full: str, digest: str) -> None:
    row = rows_of([(client(written, suites, 0x0301), 0)], server=False)[0]
    assert (row["ja3_full"], row["ja3"]) == (full, digest)


def test_ja3s_of_a_published_example() -> None:
    """The example of JA3S in the README of JA3."""
    written = b"".join(extension(kind, b"") for kind in (65281, 0, 11, 35, 5, 16))
    body = b"\x03\x01" + bytes(32) + b"\x00" + b"\x00\x2f\x00" + len(written).to_bytes(2, "big") + written
    row = rows_of([(body, 0)], server=True)[0]
    assert row["ja3s_full"] == "769,47,65281-0-11-35-5-16"
    assert row["ja3s"] == "836ce314215654b5b1f85f97c73e506f"


def test_ja4_of_a_browser() -> None:
    """The lists of Chrome, whose JA4 the README of JA4 has."""
    listed_types = "001b 0000 0033 0010 4469 0017 002d 000d 0005 0023 0012 002b ff01 000b 000a fe0d 3a3a"
    bodies = {0x0010: b"\x00\x03\x02h2", 0x000D: counted(numbers(SIGNATURES), 2, 2), 0x002B: b"\x04\x03\x04\x03\x03"}
    written = b"".join(extension(kind, bodies.get(kind, b"")) for kind in numbers(listed_types))
    row = rows_of([(client(written, (0x1A1A, *numbers(SUITES))), 0)], server=False)[0]
    assert row["ja4"] == "t13d1516h2_8daaf6152771_02713d6af862"


def test_key_shares_keys_and_encrypted_hello() -> None:
    shares = counted([], 1, 0) + b"\x00\x1d\x00\x02ab" + b"\x11\xec\x00\x01c"
    identities = b"\x00\x02id\x00\x00\x00\x07" * 2
    written = (
        extension(51, len(shares).to_bytes(2, "big") + shares)
        + extension(45, b"\x02\x01\x00")
        + extension(0xFE0D, b"\x00\x00\x01\x00\x03\x2a\x00\x00\x00\x00")
        + extension(41, len(identities).to_bytes(2, "big") + identities + b"\x00\x00")
    )
    row = rows_of([(client(written), 0)], server=False)[0]
    expected = {
        "fault": None, "key_share_groups": [29, 4588], "psk_modes": [1, 0], "psk_identities": 2, "ech_type": 0,
        "ech_kdf": 1, "ech_aead": 3, "ech_config_id": 42,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    row = rows_of([(client(extension(0xFE0D, b"\x01")), 0)], server=False)[0]
    assert (row["ech_type"], row["ech_config_id"], row["fault"]) == (1, None, None)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (51, b"\x00\x05\x00\x1d\x00\x09a"), (51, b"\x00"), (51, b"\x00\x09\x00\x1d"), (45, b"\x09\x01"),
        (41, b"\x00\x04\x00\x09ab"), (41, b"\x00"), (0xFE0D, b"\x00\x00\x01"),
    ],
)  # fmt: skip
def test_malformed_extension_is_a_fault(kind: int, body: bytes) -> None:
    row = rows_of([(client(extension(kind, body) + extension(10, b"\x00\x02\x00\x1d")), 0)], server=False)[0]
    assert (row["fault"], row["groups"]) == ("bad_options", [29])


def test_drafts_of_tls_1_3() -> None:
    """Key shares had another type; the hello of a server had neither session ID nor compression method."""
    row = rows_of([(client(extension(40, b"\x00\x05\x00\x1d\x00\x01a")), 0)], server=False)[0]
    assert (row["fault"], row["key_share_groups"]) == (None, [29])
    body = b"\x7f\x12" + bytes(32) + b"\x13\x02\x00\x09" + extension(40, b"\x00\x1d\x00\x01a")
    row = rows_of([(body, 0)], server=True)[0]
    expected = {
        "fault": None, "cipher_suite": 0x1302, "compression_method": None, "negotiated_version": 0x7F12,
        "key_share_group": 29, "session_id": None, "ja3s_full": "32530,4866,40",
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected


def test_server_selects_share_key_and_version() -> None:
    written = extension(43, b"\x03\x04") + extension(51, b"\x00\x1d\x00\x02ab") + extension(41, b"\x00\x01")
    head = b"\x03\x03" + bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c") + b"\x00"
    body = head + b"\x13\x01\x00" + len(written).to_bytes(2, "big") + written
    other = body.replace(b"\xcf\x21", b"\x00\x00")
    retry, plain = rows_of([(body, 0), (other, 0)], server=True)
    expected = {
        "fault": None, "cipher_suite": 0x1301, "compression_method": 0, "supported_version": 0x0304,
        "negotiated_version": 0x0304, "key_share_group": 29, "psk_identity": 1, "hello_retry_request": True,
    }  # fmt: skip
    assert {name: retry[name] for name in expected} == expected
    assert plain["hello_retry_request"] is False
    assert np.all([row["record_version"] == 0x0301 for row in (retry, plain)])
