"""Mails: the parts that are read are those that Python's email package finds, however the bytes arrive; bounds."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage, Message
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlake.layers import mime, mime_headers
from netlake.layers.content_coding import Kept
from netlake.layers.mime import Mail, MailReader
from netlake.layers.mime_headers import decoded, headers_of

SIZES = (1, 7, 1 << 20)
TYPES = st.sampled_from(["application/pdf", "image/png", "text/plain", "application/octet-stream"])


def read(data: bytes, size: int = 1 << 20) -> Mail:
    """A mail that arrives in pieces of `size` bytes."""
    reader = MailReader((), None, Kept())
    for at in range(0, len(data), size):
        reader.add(memoryview(data[at : at + size]))
    return reader.end()


def found(mail: Mail) -> list[tuple[Any, ...]]:
    """Type, name and hash of each part with a content."""
    return [
        (part.headers.content_type, part.headers.name, part.content.sha256, part.is_broken)
        for part in mail.parts
        if part.content is not None
    ]


def expected(data: bytes) -> list[tuple[Any, ...]]:
    """The same by the email package."""
    leaves: list[Message] = [one for one in email.message_from_bytes(data).walk() if not one.is_multipart()]
    return [
        (one.get_content_type(), one.get_filename(), sha256(one.get_payload(decode=True) or b"").hexdigest(), False)  # type: ignore[arg-type]
        for one in leaves
    ]


@st.composite
def mails(draw: st.DrawFn) -> bytes:
    """A mail with texts and attachments, perhaps within each other."""
    mail = EmailMessage()
    mail["Subject"] = draw(st.text("abcä ", max_size=20))
    text = draw(st.text("ab\n-=.ä ", max_size=300))
    mail.set_content(text, cte=draw(st.sampled_from(["quoted-printable", "base64", "8bit"])))
    if draw(st.booleans()):
        mail.add_alternative("<p>" + text + "</p>", subtype="html", cte="quoted-printable")
    for number in range(draw(st.integers(0, 3))):
        kind, _, subtype = draw(TYPES).partition("/")
        name = draw(st.sampled_from([f"a{number}.bin", "ä b.pdf", "x" * 90 + ".dat"]))
        mail.add_attachment(draw(st.binary(max_size=2000)), maintype=kind, subtype=subtype, filename=name)
    if draw(st.booleans()):
        outer = EmailMessage()
        outer.set_content("see the message\n")
        outer.add_attachment(mail)
        mail = outer
    for number, one in enumerate(mail.walk()):
        if one.get_content_maintype() == "multipart":
            one.set_boundary(f"=_{number}")  # else it is random
    return mail.as_bytes(policy=email.policy.SMTP)


@settings(max_examples=80, deadline=None)
@given(mails(), st.sampled_from(SIZES))
def test_parts_are_those_of_the_email_package(data: bytes, size: int) -> None:
    mail = read(data, size)
    assert mail.fault is None
    assert found(mail) == expected(data)


@settings(max_examples=150, deadline=None)
@given(mails(), st.data())
def test_changed_mails_are_read_the_same_in_any_pieces(data: bytes, more: st.DataObject) -> None:
    """Bytes are changed and left out; nothing is raised."""
    changed = bytearray(data)
    for _ in range(more.draw(st.integers(0, 6))):
        at = more.draw(st.integers(0, len(changed) - 1))
        changed[at : at + more.draw(st.integers(0, 40))] = more.draw(st.binary(max_size=4))
    first, *others = (read(bytes(changed), size) for size in SIZES)
    for other in others:
        assert other.fault == first.fault != "reader_failed"
        assert found(other) == found(first)
        assert (other.text, other.links, other.headers) == (first.text, first.links, first.headers)


@pytest.mark.parametrize("size", SIZES)
def test_uuencode(size: int) -> None:
    """The example is the output of uuencode for "Cat"."""
    data = b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 cat.txt\r\n#0V%T\r\n`\r\nend\r\n"
    (part,) = read(data, size).parts
    assert part.content is not None
    assert (part.content.first, part.is_broken) == (b"Cat", False)


def nested(depth: int) -> bytes:
    """Multiparts within each other."""
    begin = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (number, number) for number in range(depth)
    )
    return (
        begin
        + b"Content-Type: text/plain\r\n\r\nx\r\n"
        + b"".join(b"--b%d--\r\n" % number for number in reversed(range(depth)))
    )


@pytest.mark.parametrize(
    ("data", "fault", "most"),
    [
        (nested(mime.MOST_DEPTH), None, 1),
        (nested(500), "too_deep", 2),
        (b"Content-Type: message/rfc822\r\n\r\n" * 500 + b"x\r\n", "too_deep", mime.MOST_DEPTH + 1),
        (
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 5000,
            "too_large",
            mime.MOST_PARTS,
        ),
        (b"A: " + b"x" * (1 << 19) + b"\r\n\r\nx", "too_large", 1),
        (b"A: x\r\n" * (1 << 15) + b"\r\nx", "too_large", 1),
        (b"x" * (1 << 20), None, 1),
        (b"--" * (1 << 19), None, 1),
        (b"\r\n--b" * (1 << 17), None, 1),
    ],
    ids=["depth", "too deep", "messages", "parts", "header", "headers", "line", "dashes", "delimiters"],
)
def test_bounds(data: bytes, fault: str | None, most: int) -> None:
    mail = read(data, 5000)
    assert mail.fault == fault
    assert 1 <= len(mail.parts) <= most
    assert len(mail.headers.pairs) <= mime_headers.MOST_HEADERS


@pytest.mark.parametrize("size", SIZES)
def test_base64_is_read_again_behind_missing_bytes(size: int) -> None:
    lines = [b"YWFh" * 19 + b"\r\n", b"YmJi" * 19 + b"\r\n", b"Y2Nj" * 19 + b"\r\n"]
    reader = MailReader((), None, Kept())
    head = b"Content-Transfer-Encoding: base64\r\n\r\n" + lines[0] + lines[1][:30]
    for at in range(0, len(head), size):
        reader.add(memoryview(head[at : at + size]))
    reader.gap(20)
    for part in (lines[1][50:], lines[2]):
        for at in range(0, len(part), size):
            reader.add(memoryview(part[at : at + size]))
    (part,) = reader.end().parts
    assert part.content is not None
    assert part.content.first == b"a" * 57 + b"b" * 21 + b"c" * 57
    assert (part.missing, part.is_broken) == (20, True)


@pytest.mark.parametrize(
    ("headers", "name", "text"),
    [
        # modified base64 of the UTF-16 unit D800 (RFC 2152)
        (b"Content-Type: text/plain; charset=utf-7", None, "\ufffd hi"),
        (b"Content-Disposition: attachment; filename*=utf-7''%2B2AA-.txt", "\ufffd.txt", None),
        (b"Content-Disposition: attachment; filename*=unicode_escape''%5Cud800.txt", "\ufffd.txt", None),
        (b'Content-Disposition: attachment; filename="=?utf-7?Q?+2AA-?="', "\ufffd", None),
    ],
)
def test_surrogates_are_replaced(headers: bytes, name: str | None, text: str | None) -> None:
    mail = read(headers + b"\r\n\r\n+2AA- hi")
    assert (mail.parts[0].headers.name, mail.text) == (name, text)


def test_boundary_with_a_surrogate_leaves_the_other_headers() -> None:
    data = b"Content-Type: multipart/mixed; boundary*=utf-7''%2B2AA-\r\nContent-Disposition: inline; filename=a\r\n\r\n"
    headers = headers_of(data.replace(b"\r\n", b"\n"))
    assert (headers.boundary, headers.disposition, headers.name) == ("\ufffd".encode(), "inline", "a")


def test_encoded_word_with_a_surrogate() -> None:
    assert decoded("=?utf-7?Q?a+2AA-?=") == "a\ufffd"


@pytest.mark.parametrize("size", SIZES)
def test_depth_within_a_message(size: int) -> None:
    """A multipart within a message within a multipart: each of its parts is in three, also behind a delimiter."""
    data = (
        b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: message/rfc822\r\n\r\n"
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--\r\n"
        b"--a\r\n\r\nz\r\n--a--\r\n"
    )
    assert [part.depth for part in read(data, size).parts] == [1, 3, 3, 1]


WORDS = {
    "\u00e9 =?utf-8?Q?=C3=A8?= \u20ac": "\u00e9 \u00e8 \u20ac",
    "a\\u20ac =?utf-8?Q?x?=": "a\\u20ac x",
    "=?utf-8?B?w6g=?=  =?iso-8859-1?q?=E9_x?= y": "\u00e8\u00e9 x y",
    "=?utf-8?Q?x?= <a@b>": "x <a@b>",
    "\u20ac =?utf-8?B?a?= and =?utf-8?Q?x?=": "\u20ac =?utf-8?B?a?= and x",
    "\u20ac =?none": "\u20ac =?none",
}


@pytest.mark.parametrize(("value", "expected"), WORDS.items())
def test_text_beside_encoded_words_is_as_it_is(value: str, expected: str) -> None:
    assert decoded(value) == expected
