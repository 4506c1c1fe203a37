"""Names of codes: those of netlake/sql/codes.toml, and those that protocols of netlake declare."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

from netlake.query.functions import Function
from netlake.query.functions.declared import function
from netlake.schema.faults import FAULTS

FILE = Path(__file__).resolve().parents[2] / "sql" / "codes.toml"
# bits of the TCP flags, as column `flags` of table `tcp` has them
_FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE")
_CLASSES = {1: "informational", 2: "successful", 3: "redirection", 4: "client error", 5: "server error"}


def _of_file() -> Iterator[Function]:
    """A function for each table of the file."""
    for name, table in tomllib.loads(FILE.read_text(encoding="utf-8")).items():
        known = {int(code): text for code, text in table["values"].items()}
        yield function("VARCHAR", table["example"], code="BIGINT")(_looked_up(name, table["doc"], known))


def _looked_up(name: str, doc: str, known: dict[int, str]) -> Callable[[int], str | None]:
    def single(code: int) -> str | None:
        return known.get(code)

    single.__name__, single.__doc__ = name, doc
    return single


@function("VARCHAR", "rcode_name(3) = 'NXDOMAIN'", code="BIGINT")
def rcode_name(code: int) -> str:
    """The mnemonic of a DNS response code; RCODE123 for a number without one."""
    from netlake.protocols.dns import types

    return types.rcode_name(code)


@function("VARCHAR", "dns_type_name(28) = 'AAAA'", code="BIGINT")
def dns_type_name(code: int) -> str:
    """The mnemonic of a DNS record type; TYPE123 for a number without one."""
    from netlake.protocols.dns import types

    return types.type_name(code)


@function("VARCHAR", "tls_alert_name(40) = 'handshake_failure'", code="BIGINT")
def tls_alert_name(code: int) -> str | None:
    """The name of a TLS alert (IANA); null for one that is not assigned."""
    from netlake.streams.tls.alerts import NAMES

    return NAMES.get(code)


@function("VARCHAR", "tcp_flag_names(18) = 'SYN ACK'", flags="BIGINT")
def tcp_flag_names(flags: int) -> str | None:
    """The names of the TCP flags that are set, from the lowest bit, separated by spaces; null beyond 9 bits."""
    if not 0 <= flags < 1 << len(_FLAGS):
        return None
    return " ".join(name for bit, name in enumerate(_FLAGS) if flags >> bit & 1)


@function("VARCHAR", "http_status_class(404) = 'client error'", status="BIGINT")
def http_status_class(status: int) -> str | None:
    """The class of an HTTP status: informational, successful, redirection, client error, server error; else null."""
    return _CLASSES.get(status // 100)


@function("VARCHAR", "fault_meaning('cut') = 'The capture does not contain all bytes of the message.'", fault="VARCHAR")
def fault_meaning(fault: str) -> str | None:
    """What a word of the column `fault` means; null for another word."""
    return FAULTS.get(fault)


FUNCTIONS = (
    *_of_file(), rcode_name, dns_type_name, tls_alert_name, tcp_flag_names, http_status_class, fault_meaning,
)  # fmt: skip
