"""Columns of certificates, one row for each in a Certificate message.

Decided here:
- The library `cryptography` reads certificates. One that it refuses, or of which it refuses a field, has the fault
  `bad_value`, and the fields that netlake.streams.tls.tolerant can read.
- The fields of the last CACHED certificates are kept, by their SHA-256: reading one costs fifty times as much as
  hashing it, and a server sends the same one in each connection.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from hashlib import sha1, sha256
from typing import Any
from warnings import catch_warnings, simplefilter

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from netlake.kernels.tls_state import Reason
from netlake.layers.parsed import by_message, several
from netlake.packets import Columns, Cursor, Malformed, Messages, Short
from netlake.streams.tls import tolerant
from netlake.streams.tls.declared import X509
from netlake.streams.tls.hellos import HEADER, reason_of, transport

CACHED = 4096
Fields = dict[str, Any]


class Certificates:
    """Reads certificates, and remembers the fields of the last ones of a capture."""

    def __init__(self) -> None:
        self.cache: OrderedDict[bytes, tuple[Fields, bool]] = OrderedDict()

    def read(self, messages: Messages) -> tuple[Messages, Columns]:
        """Rows of Certificate messages, each with the message in which its certificate is."""
        kept, columns = by_message(X509, self._message, messages)
        return kept, {"transport": transport(kept), **columns}

    def _message(self, message: Cursor) -> Iterator[tuple[str, Any]]:
        return several(self._rows(message))

    def _rows(self, message: Cursor) -> Iterator[Iterator[tuple[str, Any]]]:
        """What to yield for each certificate of a message; if that ends early, also for the end."""
        reason = reason_of(message.hint)
        message.skip(min(HEADER + 3, message.left))
        position = 0
        while message.left and (reason == Reason.WHOLE.value or _next_is_whole(message)):
            yield self._certificate(message, position)
            position += 1
        if reason != Reason.WHOLE.value:
            yield _end(message, position, reason)

    def _certificate(self, message: Cursor, position: int) -> Iterator[tuple[str, Any]]:
        yield "chain_position", position
        length = message.number(3)
        yield "length", length
        if length > message.left:
            raise Malformed("bad_length")
        fields, valid = self.fields(message.take(length))
        yield from fields.items()
        if not valid:
            message.fault("bad_value")

    def fields(self, data: bytes) -> tuple[Fields, bool]:
        """The columns of a certificate, and whether all of them could be read."""
        digest = sha256(data).digest()
        known = self.cache.get(digest)
        if known is None:
            known = self.cache[digest] = _fields(data, digest)
            if len(self.cache) > CACHED:
                self.cache.popitem(last=False)
        else:
            self.cache.move_to_end(digest)
        return known


def _next_is_whole(message: Cursor) -> bool:
    """Whether the next certificate of a message that ends early is whole."""
    at = message.at + 3
    return message.left > 3 and int.from_bytes(message.data[at - 3 : at]) <= message.left - 3


def _end(message: Cursor, position: int, reason: int) -> Iterator[tuple[str, Any]]:
    """The certificate in which a message ends early."""
    yield "chain_position", position
    if reason == Reason.TOO_LARGE.value:
        raise Malformed("too_large")
    if message.left >= 3:
        yield "length", message.number(3)
    raise Short


def _fields(data: bytes, digest: bytes) -> tuple[Fields, bool]:
    """The columns of a certificate, and whether all of them could be read."""
    fields: Fields = {"sha256": digest.hex(), "sha1": sha1(data, usedforsecurity=False).hexdigest()}
    valid = True
    with catch_warnings():
        simplefilter("ignore")  # of values that RFC 5280 forbids and certificates have
        try:
            certificate = x509.load_der_x509_certificate(data)
        except Exception:  # noqa: BLE001 - malformed certificates raise several kinds of exceptions
            return _tolerant(data) | fields, False
        for part in PARTS:
            try:
                fields |= part(certificate)
            except Exception:  # noqa: BLE001 - as above
                valid = False
    return fields if valid else _tolerant(data) | fields, valid


def _tolerant(data: bytes) -> Fields:
    """The columns of a certificate that violates DER."""
    fields = tolerant.fields(data)
    for column, named in (("signature_algorithm", _signature_name), ("key_algorithm", _key_name)):
        if column in fields:
            fields[column] = named(fields[column])
    return fields


def _version(certificate: x509.Certificate) -> Fields:
    return {"version": certificate.version.value + 1}


def _serial_number(certificate: x509.Certificate) -> Fields:
    number = certificate.serial_number
    return {"serial_number": number.to_bytes(number.bit_length() // 8 + 1, signed=True)}


def _signature(certificate: x509.Certificate) -> Fields:
    return {"signature_algorithm": _signature_name(certificate.signature_algorithm_oid.dotted_string)}


def _issuer(certificate: x509.Certificate) -> Fields:
    return {"issuer": certificate.issuer.rfc4514_string()}


def _subject(certificate: x509.Certificate) -> Fields:
    return {"subject": certificate.subject.rfc4514_string()}


def _self_issued(certificate: x509.Certificate) -> Fields:
    return {"self_issued": certificate.issuer == certificate.subject}


def _not_before(certificate: x509.Certificate) -> Fields:
    return {"not_before": certificate.not_valid_before_utc}


def _not_after(certificate: x509.Certificate) -> Fields:
    return {"not_after": certificate.not_valid_after_utc}


def _key_algorithm(certificate: x509.Certificate) -> Fields:
    return {"key_algorithm": _key_name(certificate.public_key_algorithm_oid.dotted_string)}


def _key(certificate: x509.Certificate) -> Fields:
    if certificate.public_key_algorithm_oid.dotted_string not in KEYS:
        return {}
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return {"key_size": key.key_size, "key_curve": key.curve.name}
    if isinstance(key, rsa.RSAPublicKey | dsa.DSAPublicKey):
        return {"key_size": key.key_size}
    return {}


def _constraints(certificate: x509.Certificate) -> Fields:
    found = [one.value for one in certificate.extensions if isinstance(one.value, x509.BasicConstraints)]
    return {"is_ca": found[0].ca} if found else {}


def _alternative_names(certificate: x509.Certificate) -> Fields:
    fields: Fields = {}
    for extension in certificate.extensions:
        names = extension.value
        if isinstance(names, x509.SubjectAlternativeName):
            fields["san_dns"] = list(names.get_values_for_type(x509.DNSName))
            fields["san_ip"] = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
            fields["san_email"] = list(names.get_values_for_type(x509.RFC822Name))
            fields["san_uri"] = list(names.get_values_for_type(x509.UniformResourceIdentifier))
    return fields


def _signature_name(identifier: str) -> str:
    """The name of a signature algorithm, its object identifier if it has none."""
    name = str(x509.ObjectIdentifier(identifier)._name)  # noqa: SLF001 - the names have no public interface
    return identifier if name == "Unknown OID" else name


def _key_name(identifier: str) -> str:
    """The name of the algorithm of a public key, its object identifier if it has none."""
    return KEYS.get(identifier, identifier)


KEYS = {
    "1.2.840.113549.1.1.1": "rsa", "1.2.840.113549.1.1.10": "rsa", "1.2.840.10045.2.1": "ec",
    "1.2.840.10040.4.1": "dsa", "1.3.101.112": "ed25519", "1.3.101.113": "ed448",
}  # fmt: skip
PARTS: tuple[Callable[[x509.Certificate], Fields], ...] = (
    _version, _serial_number, _signature, _issuer, _subject, _self_issued, _not_before, _not_after, _key_algorithm,
    _key, _constraints, _alternative_names,
)  # fmt: skip
