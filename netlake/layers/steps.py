"""Dispatch: the keys that tables declare become the array that leads the walk from one header to the next.

Rules
- A key is text, `space=value`: "ether.type=0x0806" means that the payload behind this EtherType is a message of the
  table that declares it. SPACES are the known spaces.
- A table with the name of a step (netlake.kernels.steps.Step) has the keys of that step, so that its header is entered.
  Steps without a table have their keys in KEYS. All other tables are leaves.
- The value is a number from 0 to 0xFFFF, decimal without leading zeros, or hexadecimal with 0x (SchemaError).
- The key of a step belongs to that step only: a leaf that declares it is an error (SchemaError).
- The key of a leaf may be declared by several leaves, which then are a group for this key: each of them reads the same
  messages. The group has the name of its first table, in the order in which tables are given, that is not `inside`
  another one. Tables of netlake are given before those of plugins, so a plugin on the same port does not change stacks.
- Protocols in TCP streams declare STREAMS, not "tcp.port". "tcp.segment" is for messages that are whole in one segment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from netlake.errors import SchemaError
from netlake.kernels.answers import Space
from netlake.kernels.numbers import LinkType
from netlake.kernels.steps import FIRST_LEAF, Step
from netlake.schema import Table

SPACES: dict[str, Space] = {
    "link.type": Space.LINK_TYPE,
    "ether.type": Space.ETHER_TYPE,
    "llc.dsap": Space.LLC_DSAP,
    "snap.cisco": Space.SNAP_CISCO,
    "snap.nortel": Space.SNAP_NORTEL,
    "snap.bridged": Space.SNAP_BRIDGED,
    "ppp.protocol": Space.PPP_PROTOCOL,
    "ip.protocol": Space.IP_PROTOCOL,
    "udp.port": Space.UDP_PORT,
    "tcp.segment": Space.TCP_SEGMENT,
    "sctp.port": Space.SCTP_PORT,
    "icmpv4.type": Space.ICMPV4_TYPE,
    "icmpv6.type": Space.ICMPV6_TYPE,
    "tunnel.payload": Space.TUNNEL_PAYLOAD,
    "dot11.type": Space.DOT11_TYPE,
    "sctp.payload_protocol": Space.SCTP_PAYLOAD_PROTOCOL,
    "cisco_hdlc.protocol": Space.CISCO_HDLC_PROTOCOL,
    "capwap.type": Space.CAPWAP_TYPE,
}
RESERVED = {"tcp.port": "declare STREAMS, or use tcp.segment for messages that are whole in one TCP segment"}

MOST_VALUE = 0xFFFF
_NUMBER = re.compile(r"0|[1-9][0-9]*|0x[0-9a-f]+")

STEPS: dict[str, Step] = {step.name.lower(): step for step in Step}

# link types whose headers are one step, `other_link`
OTHER_LINKS = (
    LinkType.TOKEN_RING, LinkType.ARCNET, LinkType.ARCNET_LINUX, LinkType.SLIP, LinkType.ATM_RFC1483, LinkType.ATM_CLIP,
    LinkType.ENC, LinkType.PFLOG, LinkType.SUNATM, LinkType.MULTILINK_FRAME_RELAY, LinkType.PPI, LinkType.IPNET,
    LinkType.IPOIB, LinkType.PKTAP, LinkType.ETHERNET_WITH_PREAMBLE, LinkType.BROADCOM_TAG, LinkType.BROADCOM_TAG_FIRST,
    LinkType.MARVELL_TAG, LinkType.MARVELL_TAG_WITH_TYPE,
)  # fmt: skip
RAW_LINKS = (LinkType.RAW_BSD, LinkType.RAW_OPENBSD, LinkType.RAW, LinkType.IPV4, LinkType.IPV6)


def _link_keys(*link_types: LinkType) -> tuple[str, ...]:
    return tuple(f"link.type={int(link_type)}" for link_type in link_types)


# the keys of steps that have no table
KEYS: dict[str, tuple[str, ...]] = {
    "linux_sll": _link_keys(LinkType.LINUX_SLL),
    "linux_sll2": _link_keys(LinkType.LINUX_SLL2),
    "raw": _link_keys(*RAW_LINKS),
    "null": _link_keys(LinkType.NULL),
    "loop": _link_keys(LinkType.LOOP),
    "other_link": _link_keys(*OTHER_LINKS),
    "fabric_path": ("ether.type=0x8903",),
}


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Where each key leads: `keys[space, value]` is a group, -1 if none.

    `groups[g]` is its name in a stack, `tables[g]` are the tables that read its messages (none for a bare step).
    """

    keys: npt.NDArray[np.int16]
    groups: dict[int, str]
    tables: dict[int, tuple[Table, ...]]

    @property
    def size(self) -> int:
        """One more than the largest group."""
        return max(self.groups) + 1

    def group(self, name: str) -> int:
        """The group that is called `name` in a stack."""
        return next(number for number, known in self.groups.items() if known == name)


def dispatch(tables: Iterable[Table], by_content: Iterable[str] = ()) -> Dispatch:
    """The dispatch of `tables`: steps by name, leaves by the keys that they declare.

    Tables `by_content` have a group of their own even without a key. SchemaError for a key that is invalid, and for one
    of a step that a leaf declares too.
    """
    by_name = {table.name: table for table in tables}
    keys = np.full((max(SPACES.values()) + 1, 1 << 16), -1, np.int16)
    groups = {int(step): name for name, step in STEPS.items()}
    readers: dict[int, tuple[Table, ...]] = {
        int(step): (by_name[name],) for name, step in STEPS.items() if name in by_name
    }
    for name, step in STEPS.items():
        for space, value in parsed(by_name[name].on if name in by_name else KEYS.get(name, ()), name):
            keys[space, value] = step
    leaves: dict[tuple[int, int], list[Table]] = {}
    for table in by_name.values():
        if table.name not in STEPS:
            for key in parsed(table.on, table.name):
                leaves.setdefault(key, []).append(table)
    numbers: dict[tuple[str, ...], int] = {}
    for key, found in sorted(leaves.items()):
        found.sort(key=lambda table: table.inside is not None)
        names = tuple(table.name for table in found)
        group = numbers.setdefault(names, FIRST_LEAF + len(numbers))
        groups[group], readers[group] = names[0], tuple(found)
        if keys[key] >= 0:
            raise SchemaError(
                f"Table {names[0]}: dispatch key {shown(key)} is a key of header {groups[int(keys[key])]}; remove it."
            )
        keys[key] = group
    for name in by_content:
        if name not in groups.values():
            number = max(FIRST_LEAF - 1, *groups) + 1
            groups[number], readers[number] = name, (by_name[name],)
    return Dispatch(keys, groups, readers)


def parsed(on: Iterable[str], name: str) -> list[tuple[int, int]]:
    """Dispatch keys of the table `name` as (space, value).

    SchemaError for a space that is unknown or reserved, and for a value that is no number from 0 to 0xFFFF.
    """
    result = []
    for key in on:
        space, _, value = key.partition("=")
        if space in RESERVED:
            raise SchemaError(f"Table {name}: dispatch key {key} cannot be declared: {RESERVED[space]}.")
        if space not in SPACES:
            raise SchemaError(f"Table {name}: dispatch key {key} has no known space; use one of {', '.join(SPACES)}.")
        number = int(value, 0) if _NUMBER.fullmatch(value) else -1
        if not 0 <= number <= MOST_VALUE:
            raise SchemaError(
                f"Table {name}: dispatch key {key} has no valid value; use a number from 0 to {MOST_VALUE}, or its "
                f"hexadecimal form with 0x."
            )
        result.append((int(SPACES[space]), number))
    return result


def shown(key: tuple[int, int]) -> str:
    """The text of a key."""
    space = next(name for name, number in SPACES.items() if number == key[0])
    return f"{space}={key[1]}"
