"""TLS hellos and their fingerprints: published examples, a second implementation, and arbitrary bytes."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlake.layers import client_hello
from netlake.layers.client_hello import Hello, ja3, ja3s, ja4, read_client_hello, read_server_hello
from netlake.packets import Cursor, Malformed, Short

SUITES = "002f 0035 009c 009d 1301 1302 1303 c013 c014 c02b c02c c02f c030 cca8 cca9"
EXTENSIONS = "0000 0010 0005 000a 000b 000d 0012 0015 0017 001b 0023 002b 002d 0033 4469 ff01"
SIGNATURES = "0403 0804 0401 0503 0805 0501 0806 0601"
GREASE = [0x0A0A, 0x1A1A, 0x9A9A, 0xFAFA]


def numbers(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


def chrome(**changed: object) -> Hello:
    """The example of the JA4 specification."""
    fields = {
        "version": 0x0303, "cipher_suites": numbers(SUITES), "extensions": numbers(EXTENSIONS), "alpn": [b"h2"],
        "signatures": numbers(SIGNATURES), "supported_versions": [0x0304, 0x0303], "whole": True,
    }  # fmt: skip
    return Hello(**(fields | changed))  # type: ignore[arg-type]


def test_ja4_of_the_specifications_example() -> None:
    assert ja4(chrome(), "t") == "t13d1516h2_8daaf6152771_e5627efa2ab1"


def test_ja4_does_not_depend_on_order_or_grease() -> None:
    shuffled = chrome(
        cipher_suites=[0xDADA, *reversed(numbers(SUITES))],
        extensions=[0x2A2A, *reversed(numbers(EXTENSIONS)), 0xEAEA],
        supported_versions=[0x7A7A, 0x0303, 0x0304],
    )
    assert ja4(shuffled, "t") == ja4(chrome(), "t")


@pytest.mark.parametrize(
    ("changed", "begins"),
    [
        ({"alpn": []}, "q13d151600_"),
        ({"alpn": [b"h"]}, "q13d1516hh_"),
        ({"alpn": [b"\xab\xcd"]}, "q13d1516ad_"),
        ({"alpn": [b"h3\xff"]}, "q13d15166f_"),
        ({"supported_versions": []}, "q12d1516h2_"),
        ({"supported_versions": [0xFEFD, 0xFEFC, 0xFEFF]}, "qd3d1516h2_"),
        ({"supported_versions": [0x0A0A], "version": 0x0301}, "q10d1516h2_"),
        ({"supported_versions": [], "version": 0x9999}, "q00d1516h2_"),
        ({"cipher_suites": [1] * 120}, "q13d9916h2_"),
        ({"extensions": numbers(EXTENSIONS)[1:]}, "q13i1515h2_"),
    ],
)
def test_first_part_of_ja4(changed: dict[str, object], begins: str) -> None:
    found = ja4(chrome(**changed), "q")
    assert found is not None
    assert found.startswith(begins)


def test_ja4_of_hello_without_lists() -> None:
    assert ja4(Hello(version=0x0301, whole=True), "t") == "t10i000000_000000000000_000000000000"
    plain = chrome(signatures=[], extensions=[0, 16, 5])
    assert ja4(plain, "t").endswith(hashlib.sha256(b"0005").hexdigest()[:12])  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("hello", "digest"),
    [
        (
            Hello(
                version=769,
                cipher_suites=[47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4],
                extensions=[0, 10, 11],
                groups=[23, 24, 25],
                point_formats=[0],
                whole=True,
            ),
            "ada70206e40642a3e4461f35503241d5",
        ),
        (
            Hello(version=769, cipher_suites=[4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99], whole=True),
            "de350869b8c85de67a350c8d186f11e6",
        ),
    ],
)
def test_ja3_of_published_examples(hello: Hello, digest: str) -> None:
    assert ja3(hello) == digest


def test_incomplete_hello_has_no_fingerprints() -> None:
    part = chrome(whole=False)
    assert (ja3(part), ja3s(part), ja4(part, "t")) == (None, None, None)


def extension(kind: int, body: bytes) -> bytes:
    return kind.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body


def counted(values: list[int], size: int, prefix: int) -> bytes:
    body = b"".join(value.to_bytes(size, "big") for value in values)
    return len(body).to_bytes(prefix, "big") + body


short = st.lists(st.integers(0, 0xFFFF) | st.sampled_from(GREASE), max_size=20)


@st.composite
def hellos(draw: st.DrawFn) -> tuple[Hello, bytes]:
    """A hello and its bytes."""
    hello = Hello(
        version=draw(st.integers(0, 0xFFFF)), random=draw(st.binary(min_size=32, max_size=32)),
        session_id=draw(st.binary(max_size=32)), cipher_suites=draw(short), whole=True,
    )  # fmt: skip
    parts = []
    known = {
        client_hello.GROUPS: ("groups", 2, 2), client_hello.SIGNATURES: ("signatures", 2, 2),
        client_hello.SUPPORTED_VERSIONS: ("supported_versions", 2, 1), client_hello.SRTP: ("srtp_profiles", 2, 2),
    }  # fmt: skip
    for kind in draw(st.permutations([*known, 0, 16, 0x1A1A, 51]))[: draw(st.integers(0, 8))]:
        hello.extensions.append(kind)
        if kind in known:
            name, size, prefix = known[kind]
            setattr(hello, name, draw(short))
            parts.append(extension(kind, counted(getattr(hello, name), size, prefix)))
        elif kind == 0:
            name = draw(st.text("abc.-", min_size=1, max_size=20))
            hello.server_name = name
            parts.append(extension(0, _names(name.encode())))
        elif kind == 16:
            hello.alpn = draw(st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=4))
            body = b"".join(bytes([len(one)]) + one for one in hello.alpn)
            parts.append(extension(16, len(body).to_bytes(2, "big") + body))
        else:
            parts.append(extension(kind, draw(st.binary(max_size=9))))
    assert hello.version is not None
    assert hello.random is not None
    assert hello.session_id is not None
    data = hello.version.to_bytes(2, "big") + hello.random + bytes([len(hello.session_id)]) + hello.session_id
    data += counted(hello.cipher_suites, 2, 2) + b"\x01\x00"
    together = b"".join(parts)
    return hello, data + (len(together).to_bytes(2, "big") + together if parts else b"")


def _names(name: bytes) -> bytes:
    entry = b"\x00" + len(name).to_bytes(2, "big") + name
    return len(entry).to_bytes(2, "big") + entry


@given(hellos())
def test_hello_is_read_completely(both: tuple[Hello, bytes]) -> None:
    hello, data = both
    found = Hello()
    read_client_hello(Cursor(data), found)
    assert found == hello


@given(hellos(), st.data())
def test_hello_that_ends_too_early_keeps_fields_read(both: tuple[Hello, bytes], data: st.DataObject) -> None:
    hello, whole = both
    end = data.draw(st.integers(0, len(whole) - 1))
    found = Hello()
    with pytest.raises(Short):
        read_client_hello(Cursor(whole[:end], missing=len(whole) - end), found)
    assert not found.whole
    assert found.cipher_suites == hello.cipher_suites[: len(found.cipher_suites)]
    assert found.extensions == hello.extensions[: len(found.extensions)]
    assert found.server_name in (None, hello.server_name)


@given(st.binary(max_size=120), st.sampled_from(["client", "client of DTLS", "server"]))
def test_arbitrary_bytes_are_read_or_raise_short_or_malformed(data: bytes, whose: str) -> None:
    hello, body = Hello(), Cursor(data)
    try:
        if whose == "server":
            read_server_hello(body, hello)
        else:
            read_client_hello(body, hello, datagrams=whose == "client of DTLS")
    except (Short, Malformed):
        assert not hello.whole
    assert body.at <= body.end
    assert (ja4(hello, "t") is None) == (not hello.whole)


@given(hellos())
def test_ja4_agrees_with_second_implementation(both: tuple[Hello, bytes]) -> None:
    hello, _ = both

    def real(values: list[int]) -> list[str]:
        nothing = [f"{digit:x}a{digit:x}a" for digit in range(16)]
        return [text for text in (f"{value:04x}" for value in values) if text not in nothing]

    suites, kinds = real(hello.cipher_suites), real(hello.extensions)
    rest = ",".join(sorted(kind for kind in kinds if kind not in ("0000", "0010")))
    signed = ",".join(real(hello.signatures))
    ends = [",".join(sorted(suites)), f"{rest}_{signed}" if signed else rest]
    digests = [hashlib.sha256(end.encode()).hexdigest()[:12] if end else "0" * 12 for end in ends]
    found = ja4(hello, "t")
    assert found is not None
    first, *hashes = found.split("_")
    assert first[3:8] == f"{'d' if '0000' in kinds else 'i'}{len(suites):02d}{len(kinds):02d}"
    assert hashes == digests


def test_cases_have_both_fingerprints() -> None:
    """A case with JA4 was read completely, so it has JA3 too."""
    for table in ("quic", "dtls"):
        cases = tomllib.loads((Path(__file__).parent / "protocols" / f"{table}.toml").read_text())["case"]
        rows = [row for case in cases for row in case.get("rows", [case.get("row")])]
        assert [row["ja4"][0] for row in rows if "ja4" in row] == [table[0]] * sum("ja3" in row for row in rows)
