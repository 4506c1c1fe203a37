"""The host of a timeline: an address, a network, a MAC address, or a name that a lake has for addresses.

A name means every address that the view `host_name` has for it, whenever it had it: exactly this name, or one
whose first label it is (`laptop` for `laptop.example.com`). The condition of a row is that one of its addresses is the
host's: source, destination, and the columns that its table declares as `hosts`. A column with a list of networks, as in
ground truth, is about every host in one of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from netlake.errors import OptionError, QueryError
from netlake.query.connection import Connection
from netlake.query.functions.addresses import network
from netlake.query.output.visible import harmless
from netlake.query.snapshot import Snapshot
from netlake.query.timeline.kinds import Kind
from netlake.schema.sql import literal
from netlake.schema.sql import name as quoted

_MAC = re.compile(r"(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}", re.IGNORECASE)
# the columns with the ends of a row, by the first that a table has
_IPS = (("src_ip", "dst_ip"), ("orig_ip", "resp_ip"))
_MACS = (("src_mac", "dst_mac"), ("orig_mac", "resp_mac"))
# most addresses of a name
MOST = 1_000


@dataclass(frozen=True, slots=True)
class Host:
    """Either `addresses`, of IP or of MAC as `mac` says, or a `network`."""

    addresses: tuple[str, ...] = ()
    network: str | None = None
    mac: bool = False


def resolved(text: str, snapshot: Snapshot, connection: Connection) -> Host:
    """The host that `text` means; OptionError for a name that no address has."""
    given = text.strip()
    if _MAC.fullmatch(given):
        return Host((given.lower().replace("-", ":"),), mac=True)
    block = network(given)
    if block is not None:
        return Host((str(block.network_address),)) if block.num_addresses == 1 else Host(network=str(block))
    if "/" in given or not given or re.fullmatch(r"[\d.]+|[0-9a-f:]*:[0-9a-f:]*", given, re.IGNORECASE):
        raise OptionError(
            f"--host: {harmless(given)!r} is no address, network or name; give one such as 10.0.0.5, 10.0.0.0/8 or"
            " laptop.example.com."
        )
    return Host(_of_name(given.lower().rstrip("."), snapshot, connection))


def _of_name(name: str, snapshot: Snapshot, connection: Connection) -> tuple[str, ...]:
    statement = (
        f"SELECT DISTINCT address FROM host_name WHERE name = {literal(name)}"  # noqa: S608 - a literal
        f" OR starts_with(name, {literal(name + '.')}) ORDER BY address LIMIT {MOST + 1}"
    )
    try:
        found = [row[0] for row in connection.run(statement, snapshot)[0].fetchall()]
    except QueryError as error:
        raise OptionError(f"--host: the names of the lake cannot be read: {error}") from error
    if not found:
        raise OptionError(
            f"--host: no address has the name {harmless(name)}; `netlake dump host_name --select name,address` lists"
            " names."
        )
    if len(found) > MOST:
        raise OptionError(f"--host: more than {MOST:,} addresses have the name {harmless(name)}; give a longer name.")
    return tuple(found)


def ends(kind: Kind) -> tuple[str, str] | None:
    """The columns with source and destination of a kind, None if it has none."""
    if kind.message and kind.message.ends:
        return kind.message.ends if set(kind.message.ends) <= kind.columns.keys() else None
    return next((pair for pair in (*_IPS, *_MACS) if set(pair) <= kind.columns.keys()), None)


def columns(kind: Kind, host: Host) -> list[str]:
    """The columns of a kind that can have an address of the host."""
    named = [*(ends(kind) or ()), *(kind.message.hosts if kind.message else ())]
    named += [name for pair in _MACS for name in pair if host.mac]
    if kind.table is None:
        return [name for name in dict.fromkeys(named) if name in kind.columns and ("mac" in name) == host.mac]
    wanted = {"mac"} if host.mac else {"ip", "ipv4", "ipv6"}
    kinds = {column.name: column.kind for column in kind.table.all_columns}
    return [name for name in dict.fromkeys(named) if name in kind.columns and kinds.get(name) in wanted]


def condition(kind: Kind, host: Host) -> str | None:
    """The SQL condition that a row of the kind is about the host; None if its rows have no such address."""
    parts = [_in_list(name, host) for name in ends(kind) or () if kind.columns[name].type.endswith("[]")]
    for name in columns(kind, host):
        inside = among(host.addresses) if host.network is None else f"IN (FROM net({literal(host.network)}))"
        parts.append(f"{quoted(name)} {inside}")
    return " OR ".join(parts) or None


def _in_list(column: str, host: Host) -> str:
    """The SQL condition that a list of networks has one with an address of the host."""
    tests = [f"in_net({literal(address)}, one)" for address in host.addresses if not host.mac]
    if host.network is not None:
        tests.append(f"in_net({literal(host.network.partition('/')[0])}, one)")
        tests.append(f"in_net(split_part(one, '/', 1), {literal(host.network)})")
    return f"(SELECT bool_or({' OR '.join(tests) or 'false'}) FROM unnest({quoted(column)}) AS given(one))"  # noqa: S608


def filters(kind: Kind, host: Host) -> str | None:
    """The condition in the grammar of `netlake.query.pruning`; None if it says nothing of files."""
    if host.network is not None:
        return None
    if any(kind.columns[name].type.endswith("[]") for name in ends(kind) or ()):
        return None
    return " OR ".join(f"{name} {among(host.addresses)}" for name in columns(kind, host)) or None


def among(addresses: Sequence[str]) -> str:
    """The SQL behind a column, that it is one of `addresses`."""
    if len(addresses) == 1:
        return f"= {literal(addresses[0])}"
    return f"IN ({', '.join(map(literal, addresses))})"
