"""Secrets of TLS from key logs (draft-ietf-tls-keylogfile, the format of NSS and of SSLKEYLOGFILE).

A line is `LABEL RANDOM SECRET`, the latter two as hexadecimal digits; RANDOM is that of the
ClientHello. Secrets of TLS 1.3 and of QUIC have the same labels, so both read them by `Secrets.of`.

Decided here:
- Empty lines and those that begin with `#` are skipped. A line that has another form is counted as bad. A line with a
  label that no reader uses (EXPORTER_SECRET, RSA) is counted as ignored.
- The secrets of the last MOST connections are kept; earlier ones are forgotten, and counted. Of two secrets with the
  same label and random value the first counts.
- Bytes of a log can be added in parts that end anywhere: the end of a part without a line break waits for the next one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

MASTER = "CLIENT_RANDOM"
EARLY = "CLIENT_EARLY_TRAFFIC_SECRET"
HANDSHAKE = ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET")
TRAFFIC = ("CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0")
USED = frozenset({MASTER, EARLY, *HANDSHAKE, *TRAFFIC})
# connections whose secrets are kept
MOST = 1 << 18
# bytes of a line, of a random value and of secrets, at most: SHA-512
LONGEST_LINE, RANDOM_SIZE, MOST_SECRET = 512, 32, 64
NOTHING: Mapping[str, bytes] = MappingProxyType({})


@dataclass(slots=True)
class Secrets:
    """The secrets of connections by their client random; `bad`, `ignored` and `forgotten` are counts."""

    found: OrderedDict[bytes, dict[str, bytes]] = field(default_factory=OrderedDict)
    bad: int = 0
    ignored: int = 0
    forgotten: int = 0

    def __len__(self) -> int:
        return len(self.found)

    def of(self, random: bytes) -> Mapping[str, bytes]:
        """The secrets of a connection by label, empty if the logs have none."""
        return self.found.get(random, NOTHING)

    def add(self, text: bytes, before: bytes = b"") -> bytes:
        """Add the lines of a part of a log behind `before`, the end of the last part; returns its own end."""
        *lines, rest = (before + text).split(b"\n")
        for line in lines:
            self.add_line(line)
        return rest[: LONGEST_LINE + 1]

    def add_line(self, line: bytes) -> None:
        """Add one line, without its line break."""
        line = line.strip()
        if not line or line.startswith(b"#"):
            return
        read = _read(line)
        if read is None:
            self.bad += 1
            return
        label, random, secret = read
        if label not in USED:
            self.ignored += 1
            return
        if random not in self.found and len(self.found) >= MOST:
            self.found.popitem(last=False)
            self.forgotten += 1
        self.found.setdefault(random, {}).setdefault(label, secret)


def _read(line: bytes) -> tuple[str, bytes, bytes] | None:
    """Label, random value and secret of a line; None if it has another form."""
    parts = line.split()
    if len(line) > LONGEST_LINE or len(parts) != 3:
        return None
    try:
        label, one, other = (part.decode("ascii") for part in parts)
        random, value = bytes.fromhex(one), bytes.fromhex(other)
    except ValueError:
        return None
    if label in USED and (len(random) != RANDOM_SIZE or not 0 < len(value) <= MOST_SECRET):
        return None
    return label, random, value
