"""What TLS says before it encrypts: the hello of a client and that of a server, and the fingerprints made of them.

Written over a cursor, so that QUIC, DTLS and TLS over TCP share it. A hello is filled as it is read: what was read
before it ran short stands, and a fingerprint is made only of one that was read to its end (`whole`). GREASE (RFC 8701)
is kept in the lists, as sent, and left out of every fingerprint.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import md5, sha256

from netlake.layers.items import items, part, text
from netlake.packets import Cursor, Malformed

CLIENT_HELLO, SERVER_HELLO = 1, 2
SERVER_NAME, GROUPS, POINT_FORMATS, SIGNATURES = 0, 10, 11, 13
SRTP, ALPN, SUPPORTED_VERSIONS, TRANSPORT_PARAMETERS = 14, 16, 43, 57
# what QUIC drafts used before 57 was given
DRAFT_TRANSPORT_PARAMETERS = 0xFFA5
# more extensions than any hello has: one beyond them is malformed
MOST_EXTENSIONS = 512
# how JA4 writes a version, in order from old to new; those of DTLS count down
VERSIONS = {
    0x0002: "s2", 0x0300: "s3", 0x0301: "10", 0x0302: "11", 0x0303: "12", 0x0304: "13",
    0xFEFF: "d1", 0xFEFD: "d2", 0xFEFC: "d3",
}  # fmt: skip
RANK = {version: rank for rank, version in enumerate(VERSIONS)}
NOTHING = "0" * 12


@dataclass(slots=True)
class Hello:
    """The hello of a client or a server as far as it was read; `whole` if to its end."""

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
    """Read the body of a ClientHello into `hello`; that of DTLS has a cookie. Short or Malformed where it ends so."""
    _begin(body, hello)
    if datagrams:
        hello.cookie = _vector(body, 1).rest()
    _numbers(_vector(body, 2), 2, hello.cipher_suites)
    _vector(body, 1)
    _extensions(body, hello, server=False)


def read_server_hello(body: Cursor, hello: Hello) -> None:
    """Read the body of a ServerHello into `hello`, whose list of cipher suites is the one that was chosen."""
    _begin(body, hello)
    hello.cipher_suites.append(body.number(2))
    body.skip(1)
    _extensions(body, hello, server=True)


def _begin(body: Cursor, hello: Hello) -> None:
    hello.version = body.number(2)
    hello.random = body.take(32)
    hello.session_id = _vector(body, 1).rest()


def _vector(body: Cursor, size: int) -> Cursor:
    """What a length of `size` bytes stands before, which must have been captured whole."""
    inside = part(body, body.number(size))
    if inside.missing:
        inside.skip(inside.promised)
    return inside


def _numbers(body: Cursor, size: int, into: list[int]) -> None:
    """Numbers to the end of `body`; one that is cut in two is malformed."""
    while body.left >= size:
        into.append(body.number(size))
    if body.left:
        raise Malformed("bad_length")


def _extensions(body: Cursor, hello: Hello, *, server: bool) -> None:
    """Extensions to the end; a hello of old may have none. An extension that cannot be read leaves the others."""
    if body.promised:
        inside = part(body, body.number(2))
        for kind, value in items(inside, code=2, size=2, most=MOST_EXTENSIONS):
            hello.extensions.append(kind)
            _extension(kind, Cursor(value, faults=body.faults), hello, server=server)
    hello.whole = not body.promised


def _extension(kind: int, body: Cursor, hello: Hello, *, server: bool) -> None:
    # several in one hello are forbidden, and of its lists only the first is kept: no more than the hello is long
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


# lists of numbers: their field, the size of their length, and that of each number
LISTS = {
    GROUPS: ("groups", 2, 2),
    POINT_FORMATS: ("point_formats", 1, 1),
    SIGNATURES: ("signatures", 2, 2),
    SRTP: ("srtp_profiles", 2, 2),
}


def _listed(body: Cursor, size: int, into: list[int]) -> None:
    """Numbers to the end of an extension, which is marked where one is cut in two."""
    while body.left >= size:
        into.append(body.number(size))
    if body.left:
        body.fault("bad_options")


def _counted(body: Cursor, prefix: int, size: int, into: list[int]) -> None:
    """Numbers behind their length; an extension where that does not fit is marked."""
    length = body.number(prefix) if body.left >= prefix else -1
    if 0 <= length <= body.left:
        _listed(Cursor(body.take(length), faults=body.faults), size, into)
    else:
        body.fault("bad_options")


def _server_name(body: Cursor, hello: Hello) -> None:
    """The first name of a host (type 0)."""
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
            hello.server_name = text(value)


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
    """Whether a value of two bytes is one of those that mean nothing (RFC 8701)."""
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


def _real(values: Iterable[int]) -> list[int]:
    return [value for value in values if not grease(value)]


def ja3(hello: Hello) -> str | None:
    """JA3 of a client's hello: MD5 of its version, cipher suites, extensions, groups and point formats, in decimal."""
    if not hello.whole:
        return None
    lists = (hello.cipher_suites, hello.extensions, hello.groups)
    written = ["-".join(map(str, _real(values))) for values in lists]
    return _md5([str(hello.version), *written, "-".join(map(str, hello.point_formats))])


def ja3s(hello: Hello) -> str | None:
    """JA3S of a server's hello: MD5 of its version, the cipher suite and the extensions, in decimal."""
    if not hello.whole:
        return None
    return _md5([str(hello.version), str(hello.cipher_suites[0]), "-".join(map(str, _real(hello.extensions)))])


def _md5(parts: list[str]) -> str:
    return md5(",".join(parts).encode(), usedforsecurity=False).hexdigest()


def ja4(hello: Hello, transport: str) -> str | None:
    """JA4 of a client's hello over `transport`: t for TCP, q for QUIC, d for DTLS."""
    if not hello.whole:
        return None
    suites, extensions = _real(hello.cipher_suites), _real(hello.extensions)
    named = "d" if SERVER_NAME in extensions else "i"
    counts = f"{min(len(suites), 99):02d}{min(len(extensions), 99):02d}"
    first = f"{transport}{_version(hello)}{named}{counts}{_first_alpn(hello)}"
    sorted_suites = ",".join(sorted(f"{suite:04x}" for suite in suites))
    about = [kind for kind in extensions if kind not in (SERVER_NAME, ALPN)]
    told = ",".join(sorted(f"{kind:04x}" for kind in about))
    signatures = ",".join(f"{one:04x}" for one in _real(hello.signatures))
    told_all = f"{told}_{signatures}" if signatures else told
    return f"{first}_{_sha256(sorted_suites)}_{_sha256(told_all if extensions else '')}"


def _version(hello: Hello) -> str:
    offered = [version for version in _real(hello.supported_versions) if version in VERSIONS]
    version = max(offered, key=RANK.__getitem__) if offered else hello.version
    return VERSIONS.get(version or 0, "00")


def _first_alpn(hello: Hello) -> str:
    """First and last character of the first protocol, of its hexadecimal form where one is no letter or digit."""
    if not hello.alpn or not hello.alpn[0]:
        return "00"
    name = hello.alpn[0]
    ends = bytes((name[0], name[-1]))
    if ends.isalnum():
        return ends.decode("ascii")
    return name.hex()[0] + name.hex()[-1]


def _sha256(told: str) -> str:
    return sha256(told.encode()).hexdigest()[:12] if told else NOTHING
