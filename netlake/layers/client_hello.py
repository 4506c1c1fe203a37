"""TLS hello messages of client and server, and the fingerprints JA3, JA3S and JA4.

Decided here:
- A hello is read from a cursor into a Hello, so that QUIC, DTLS and TLS over TCP share the code. A hello that ends
  early keeps the fields before its end; only a complete one (`whole`) has fingerprints.
- GREASE values (RFC 8701) are in the lists as sent, and in no fingerprint.
- Of an extension that is repeated the first one is read: RFC 8446 forbids repetition, and this bounds the lists by the
  size of the hello.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import md5, sha256

from netlake.layers.items import items, part
from netlake.layers.spans import text_of
from netlake.packets import Cursor, Malformed

CLIENT_HELLO, SERVER_HELLO = 1, 2
SERVER_NAME, GROUPS, POINT_FORMATS, SIGNATURES = 0, 10, 11, 13
SRTP, ALPN, SUPPORTED_VERSIONS, TRANSPORT_PARAMETERS = 14, 16, 43, 57
# extension type of transport parameters in QUIC drafts, before 57 was assigned
DRAFT_TRANSPORT_PARAMETERS = 0xFFA5
# most extensions of a hello; a hello with more gets a fault
MOST_EXTENSIONS = 512
# versions in JA4, from old to new; DTLS versions count down
VERSIONS = {
    0x0002: "s2", 0x0300: "s3", 0x0301: "10", 0x0302: "11", 0x0303: "12", 0x0304: "13",
    0xFEFF: "d1", 0xFEFD: "d2", 0xFEFC: "d3",
}  # fmt: skip
RANK = {version: rank for rank, version in enumerate(VERSIONS)}
NOTHING = "0" * 12


@dataclass(slots=True)
class Hello:
    """Fields of a client or server hello, as far as they were read; `whole` if to the end."""

    version: int | None = None
    random: bytes | None = None
    session_id: bytes | None = None
    cookie: bytes | None = None
    cipher_suites: list[int] = field(default_factory=list)
    extensions: list[int] = field(default_factory=list)
    server_name: str | None = None
    groups: list[int] = field(default_factory=list)
    point_formats: list[int] = field(default_factory=list)
    signatures: list[int] = field(default_factory=list)
    srtp_profiles: list[int] = field(default_factory=list)
    alpn: list[bytes] = field(default_factory=list)
    supported_versions: list[int] = field(default_factory=list)
    transport_parameters: bytes | None = None
    whole: bool = False


def read_client_hello(body: Cursor, hello: Hello, *, datagrams: bool = False) -> None:
    """Read the body of a ClientHello into `hello`; with `datagrams` it has a DTLS cookie. Raises Short or Malformed."""
    _begin(body, hello)
    if datagrams:
        hello.cookie = _vector(body, 1).rest()
    _numbers(_vector(body, 2), 2, hello.cipher_suites)
    _vector(body, 1)
    _extensions(body, hello, server=False)


def read_server_hello(body: Cursor, hello: Hello) -> None:
    """Read the body of a ServerHello into `hello`; `cipher_suites` has the selected one. Raises Short or Malformed."""
    _begin(body, hello)
    hello.cipher_suites.append(body.number(2))
    body.skip(1)
    _extensions(body, hello, server=True)


def _begin(body: Cursor, hello: Hello) -> None:
    hello.version = body.number(2)
    hello.random = body.take(32)
    hello.session_id = _vector(body, 1).rest()


def _vector(body: Cursor, size: int) -> Cursor:
    """The bytes after a length of `size` bytes; Short if they are truncated."""
    inside = part(body, body.number(size))
    if inside.missing:
        inside.skip(inside.promised)
    return inside


def _numbers(body: Cursor, size: int, into: list[int]) -> None:
    """Append the numbers to the end of `body`; Malformed if the last one is incomplete."""
    while body.left >= size:
        into.append(body.number(size))
    if body.left:
        raise Malformed("bad_length")


def _extensions(body: Cursor, hello: Hello, *, server: bool) -> None:
    """Read the extensions, if any; one that is malformed gives the row a fault, the others are read."""
    if body.promised:
        inside = part(body, body.number(2))
        for kind, value in items(inside, code=2, size=2, most=MOST_EXTENSIONS):
            hello.extensions.append(kind)
            _extension(kind, Cursor(value, faults=body.faults), hello, server=server)
    hello.whole = not body.promised


def _extension(kind: int, body: Cursor, hello: Hello, *, server: bool) -> None:
    # RFC 8446 section 4.2 forbids repeated extensions; reading the first only also bounds the lists
    first = hello.extensions.count(kind) == 1
    if not first or not body.left:
        return
    if kind in (TRANSPORT_PARAMETERS, DRAFT_TRANSPORT_PARAMETERS):
        hello.transport_parameters = body.rest()
    elif kind == SUPPORTED_VERSIONS and server:
        _listed(body, 2, hello.supported_versions)
    elif kind == SUPPORTED_VERSIONS:
        _counted(body, 1, 2, hello.supported_versions)
    elif kind in LISTS:
        name, prefix, size = LISTS[kind]
        _counted(body, prefix, size, getattr(hello, name))
    elif kind == SERVER_NAME and not server:
        _server_name(body, hello)
    elif kind == ALPN:
        _alpn(body, hello)


# extensions with a list of numbers: field of Hello, size of the length, size of a number
LISTS = {
    GROUPS: ("groups", 2, 2),
    POINT_FORMATS: ("point_formats", 1, 1),
    SIGNATURES: ("signatures", 2, 2),
    SRTP: ("srtp_profiles", 2, 2),
}


def _listed(body: Cursor, size: int, into: list[int]) -> None:
    """Append the numbers to the end of an extension; fault `bad_options` if the last one is incomplete."""
    while body.left >= size:
        into.append(body.number(size))
    if body.left:
        body.fault("bad_options")


def _counted(body: Cursor, prefix: int, size: int, into: list[int]) -> None:
    """Append the numbers after their length; fault `bad_options` if the length does not fit."""
    length = body.number(prefix) if body.left >= prefix else -1
    if 0 <= length <= body.left:
        _listed(Cursor(body.take(length), faults=body.faults), size, into)
    else:
        body.fault("bad_options")


def _server_name(body: Cursor, hello: Hello) -> None:
    """Set the first host name (type 0)."""
    if body.left < 5:
        body.fault("bad_options")
        return
    body.skip(2)
    while body.left >= 3:
        kind, length = body.number(1), body.number(2)
        if length > body.left:
            body.fault("bad_options")
            return
        value = body.take(length)
        if kind == 0 and hello.server_name is None:
            hello.server_name = text_of(value)


def _alpn(body: Cursor, hello: Hello) -> None:
    if body.left < 2 or body.number(2) > body.left:
        body.fault("bad_options")
        return
    while body.left:
        length = body.number(1)
        if length > body.left:
            body.fault("bad_options")
            return
        hello.alpn.append(body.take(length))


def grease(value: int) -> bool:
    """Whether a 16-bit value is GREASE (RFC 8701)."""
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


def _real(values: Iterable[int]) -> list[int]:
    return [value for value in values if not grease(value)]


def ja3(hello: Hello) -> str | None:
    """JA3 of a client hello: MD5 of version, cipher suites, extensions, groups and point formats in decimal."""
    if not hello.whole:
        return None
    lists = (hello.cipher_suites, hello.extensions, hello.groups)
    written = ["-".join(map(str, _real(values))) for values in lists]
    return _md5([str(hello.version), *written, "-".join(map(str, hello.point_formats))])


def ja3s(hello: Hello) -> str | None:
    """JA3S of a server hello: MD5 of version, cipher suite and extensions in decimal."""
    if not hello.whole:
        return None
    return _md5([str(hello.version), str(hello.cipher_suites[0]), "-".join(map(str, _real(hello.extensions)))])


def _md5(parts: list[str]) -> str:
    return md5(",".join(parts).encode(), usedforsecurity=False).hexdigest()


def ja4(hello: Hello, transport: str) -> str | None:
    """JA4 of a client hello over `transport`: t for TCP, q for QUIC, d for DTLS."""
    if not hello.whole:
        return None
    suites, extensions = _real(hello.cipher_suites), _real(hello.extensions)
    named = "d" if SERVER_NAME in extensions else "i"
    counts = f"{min(len(suites), 99):02d}{min(len(extensions), 99):02d}"
    first = f"{transport}{_version(hello)}{named}{counts}{_first_alpn(hello)}"
    sorted_suites = ",".join(sorted(f"{suite:04x}" for suite in suites))
    hashed = [kind for kind in extensions if kind not in (SERVER_NAME, ALPN)]
    listed = ",".join(sorted(f"{kind:04x}" for kind in hashed))
    signatures = ",".join(f"{one:04x}" for one in _real(hello.signatures))
    with_signatures = f"{listed}_{signatures}" if signatures else listed
    return f"{first}_{_sha256(sorted_suites)}_{_sha256(with_signatures if extensions else '')}"


def _version(hello: Hello) -> str:
    offered = [version for version in _real(hello.supported_versions) if version in VERSIONS]
    version = max(offered, key=RANK.__getitem__) if offered else hello.version
    return VERSIONS.get(version or 0, "00")


def _first_alpn(hello: Hello) -> str:
    """First and last character of the first ALPN protocol; of its hexadecimal form if one is not alphanumeric."""
    if not hello.alpn or not hello.alpn[0]:
        return "00"
    name = hello.alpn[0]
    ends = bytes((name[0], name[-1]))
    if ends.isalnum():
        return ends.decode("ascii")
    return name.hex()[0] + name.hex()[-1]


def _sha256(written: str) -> str:
    return sha256(written.encode()).hexdigest()[:12] if written else NOTHING
