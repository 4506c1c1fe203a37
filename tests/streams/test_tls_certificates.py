"""Certificates: the tolerant reader against the library, refused ones, the cache."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from netlake.streams.tls import certificates, tolerant
from netlake.streams.tls.certificates import CACHED, Certificates

KEY = ec.generate_private_key(ec.SECP256R1())
# what only the library reads
BY_LIBRARY = {"sha256", "sha1", "key_size", "key_curve"}
Attribute = x509.NameAttribute[str]


def name(*attributes: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([Attribute(kind, value) for kind, value in attributes])


def made(subject: x509.Name, *extensions: x509.ExtensionType, key: object = KEY) -> bytes:
    """A certificate in DER."""
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(name((NameOID.COMMON_NAME, "Root")))
    builder = builder.public_key(key.public_key()).serial_number(0x80)  # type: ignore[attr-defined]
    first, last = datetime(1970, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2060, 12, 31, 23, 59, 59, tzinfo=UTC)
    builder = builder.not_valid_before(first).not_valid_after(last)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER)


def both(data: bytes) -> tuple[dict[str, object], dict[str, object]]:
    """What the library reads, and what the tolerant reader reads."""
    fields, valid = Certificates().fields(data)
    assert valid
    return {key: value for key, value in fields.items() if key not in BY_LIBRARY}, certificates._tolerant(data)


PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


@settings(max_examples=60, deadline=None)
@given(PLAIN, PLAIN, st.lists(st.text("ab.*-", min_size=1, max_size=9), max_size=3), st.booleans())
def test_tolerant_reader_agrees_with_the_library(one: str, other: str, hosts: list[str], ca: bool) -> None:  # noqa: FBT001
    subject = name((NameOID.ORGANIZATION_NAME, one), (NameOID.COMMON_NAME, other), (NameOID.EMAIL_ADDRESS, "me@a.b"))
    names = [x509.DNSName(host) for host in hosts]
    others = [x509.RFC822Name("me@a.b"), x509.UniformResourceIdentifier("x:y")]
    extensions = (x509.SubjectAlternativeName([*names, *others]), x509.BasicConstraints(ca, None))
    expected, found = both(made(subject, *extensions))
    assert found == expected


def test_names_with_several_values_and_other_keys() -> None:
    one = x509.RelativeDistinguishedName([Attribute(NameOID.COMMON_NAME, "a+b"), Attribute(NameOID.USER_ID, "#1 ")])
    subject = x509.Name([one, x509.RelativeDistinguishedName([Attribute(NameOID.DOMAIN_COMPONENT, " x, y")])])
    expected, found = both(made(subject, key=rsa.generate_private_key(65537, 2048)))
    assert found == expected
    assert found["not_before"] == datetime(1970, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (found["key_algorithm"], found["signature_algorithm"]) == ("rsa", "ecdsa-with-SHA256")


def test_fields_of_a_certificate_that_the_library_refuses() -> None:
    """An encoded default value: the other extensions are read nevertheless."""
    subject = name((NameOID.COMMON_NAME, "a.example"))
    data = made(
        subject,
        x509.SubjectAlternativeName([x509.DNSName("a.example")]),
        x509.BasicConstraints(ca=True, path_length=None),
    )
    changed = data.replace(bytes.fromhex("30030101ff"), bytes.fromhex("3003010100"))
    assert changed != data
    fields, valid = Certificates().fields(changed)
    assert not valid
    assert (fields["subject"], fields["is_ca"], fields["san_dns"]) == ("CN=a.example", False, ["a.example"])
    assert fields["sha256"] != Certificates().fields(data)[0]["sha256"]
    assert fields["key_size"] == 256


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_changed_certificates_never_raise(data: st.DataObject) -> None:
    """Whatever bytes are changed, and wherever it is cut."""
    whole = bytearray(SAMPLE)
    for _ in range(data.draw(st.integers(0, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    changed = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    tolerant.fields(changed)
    fields, _ = Certificates().fields(changed)
    assert len(fields["sha256"]) == 64


SAMPLE = made(
    name((NameOID.COUNTRY_NAME, "NZ"), (NameOID.COMMON_NAME, "a.example")),
    x509.SubjectAlternativeName([x509.DNSName("a.example")]),
    x509.BasicConstraints(ca=True, path_length=None),
)


def test_cache_is_bounded_and_keeps_the_last_used(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []

    def noted(data: bytes, _digest: bytes) -> tuple[dict[str, object], bool]:
        read.append(data)
        return {}, True

    monkeypatch.setattr(certificates, "_fields", noted)
    known = Certificates()
    for number in range(CACHED + 10):
        known.fields(number.to_bytes(4))
        known.fields(bytes(4))
    assert len(known.cache) == CACHED
    assert len(read) == CACHED + 10
    known.fields((1).to_bytes(4))
    assert len(read) == CACHED + 11
