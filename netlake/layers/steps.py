"""What the walk can walk through, and the tables that tell it where to go: dispatch keys become arrays.

A key is a value: "ether.type=0x0806" means that what follows such an Ethernet type is a message of the table that
declares it. Headers on the spine (STEPS) are known to the kernel by number, and carry others; a table of the same
name gives their keys, and a step without a table yet has its keys here. Everything else is a leaf: found, handed to
its reader, not entered. Several tables on one key are one group: each of them reads the same messages.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from netlake.errors import SchemaError
from netlake.kernels import steps as codes
from netlake.schema import Table

# spaces of dispatch keys; the number is the row of the dispatch array
SPACES: dict[str, int] = {
    "link.type": codes.LINK_TYPE,
    "ether.type": codes.ETHER_TYPE,
    "llc.dsap": codes.LLC_DSAP,
    "snap.cisco": codes.SNAP_CISCO,
    "snap.nortel": codes.SNAP_NORTEL,
    "snap.bridged": codes.SNAP_BRIDGED,
    "ppp.protocol": codes.PPP_PROTOCOL,
    "ip.protocol": codes.IP_PROTOCOL,
    "udp.port": codes.UDP_PORT,
    "tcp.port": codes.TCP_PORT,
    "sctp.port": codes.SCTP_PORT,
    "icmpv4.type": codes.ICMPV4_TYPE,
    "icmpv6.type": codes.ICMPV6_TYPE,
    "tunnel.payload": codes.TUNNEL_PAYLOAD,
    "dot11.type": codes.DOT11_TYPE,
    "sctp.payload_protocol": codes.SCTP_PAYLOAD_PROTOCOL,
    "cisco_hdlc.protocol": codes.CISCO_HDLC_PROTOCOL,
}

STEPS: dict[str, int] = {
    "ethernet": codes.ETHERNET,
    "linux_sll": codes.LINUX_SLL,
    "linux_sll2": codes.LINUX_SLL2,
    "raw": codes.RAW,
    "null": codes.NULL,
    "loop": codes.LOOP,
    "ppp": codes.PPP,
    "dot1q": codes.DOT1Q,
    "llc": codes.LLC,
    "snap": codes.SNAP,
    "dot11": codes.DOT11,
    "fddi": codes.FDDI,
    "nflog": codes.NFLOG,
    "frame_relay": codes.FRAME_RELAY,
    "cisco_hdlc": codes.CISCO_HDLC,
    "other_link": codes.OTHER_LINK,
    "ipv4": codes.IPV4,
    "ipv6": codes.IPV6,
    "ipv6_hop_by_hop": codes.HOP_BY_HOP,
    "ipv6_routing": codes.ROUTING,
    "ipv6_destination": codes.DESTINATION,
    "ipv6_fragment": codes.FRAGMENT,
    "ipsec_ah": codes.AUTHENTICATION,
    "tcp": codes.TCP,
    "udp": codes.UDP,
    "sctp": codes.SCTP,
    "icmpv4": codes.ICMPV4,
    "icmpv6": codes.ICMPV6,
    "gre": codes.GRE,
    "vxlan": codes.VXLAN,
    "geneve": codes.GENEVE,
    "ip_in_ip": codes.IP_IN_IP,
    "mpls": codes.MPLS,
    "pppoe": codes.PPPOE,
    "l2tp": codes.L2TP,
    "gtp_u": codes.GTP_U,
    "erspan": codes.ERSPAN,
    "teredo": codes.TEREDO,
    "nsh": codes.NSH,
    "pim": codes.PIM,
    "ieee8021ah": codes.PBB,
    "cisco_metadata": codes.CISCO_METADATA,
    "fabric_path": codes.FABRIC_PATH,
}

# link types whose headers are one step: token ring, ARCnet (two), SLIP, ATM with LLC (two), OpenBSD's enc and pflog,
# SunATM, multilink frame relay, PPI, IPNET, IP over InfiniBand, PKTAP, Ethernet with preamble, switch tags (four)
OTHER_LINKS = (6, 7, 129, 8, 100, 106, 109, 117, 123, 182, 192, 226, 242, 258, 274, 281, 282, 284, 285)

# keys of steps that may have no table; a table of the same name replaces them
KEYS: dict[str, tuple[str, ...]] = {
    "ethernet": ("link.type=1", "ether.type=0x6558", "snap.bridged=1", "snap.bridged=7", "ip.protocol=143"),
    "linux_sll": ("link.type=113",),
    "linux_sll2": ("link.type=276",),
    "raw": ("link.type=12", "link.type=14", "link.type=101", "link.type=228", "link.type=229"),
    "null": ("link.type=0",),
    "loop": ("link.type=108",),
    "ppp": ("link.type=9", "link.type=50", "link.type=166", "link.type=204", "ether.type=0x880b"),
    "dot1q": ("ether.type=0x8100", "ether.type=0x88a8", "ether.type=0x9100", "ether.type=0x9200"),
    "snap": ("llc.dsap=0xaa",),
    "dot11": ("link.type=105", "link.type=119", "link.type=127", "link.type=163"),
    "fddi": ("link.type=10",),
    "nflog": ("link.type=239",),
    "frame_relay": ("link.type=107",),
    "cisco_hdlc": ("link.type=104",),
    "other_link": tuple(f"link.type={number}" for number in OTHER_LINKS),
    "ipv4": ("ether.type=0x0800", "ip.protocol=4", "ppp.protocol=0x0021", "llc.dsap=0x06"),
    "ipv6": ("ether.type=0x86dd", "ip.protocol=41", "ppp.protocol=0x0057"),
    "ipv6_hop_by_hop": ("ip.protocol=0",),
    "ipv6_routing": ("ip.protocol=43",),
    "ipv6_destination": ("ip.protocol=60",),
    "ipv6_fragment": ("ip.protocol=44",),
    "ipsec_ah": ("ip.protocol=51",),
    "tcp": ("ip.protocol=6",),
    "udp": ("ip.protocol=17",),
    "sctp": ("ip.protocol=132",),
    "icmpv4": ("ip.protocol=1",),
    "icmpv6": ("ip.protocol=58",),
    "gre": ("ip.protocol=47", "udp.port=4754"),
    "vxlan": ("udp.port=4789", "udp.port=8472", "udp.port=4790"),
    "geneve": ("udp.port=6081",),
    "mpls": ("ether.type=0x8847", "ether.type=0x8848", "ppp.protocol=0x0281", "ip.protocol=137", "udp.port=6635"),
    "pppoe": ("ether.type=0x8863", "ether.type=0x8864"),
    "l2tp": ("udp.port=1701", "ip.protocol=115"),
    "gtp_u": ("udp.port=2152",),
    "erspan": ("ether.type=0x88be", "ether.type=0x22eb"),
    "teredo": ("udp.port=3544",),
    "nsh": ("ether.type=0x894f",),
    "pim": ("ip.protocol=103",),
    "ieee8021ah": ("ether.type=0x88e7",),
    "cisco_metadata": ("ether.type=0x8909",),
    "fabric_path": ("ether.type=0x8903",),
}

FIRST_LEAF = 64


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

    Tables `by_content` have a group of their own even without a key.
    """
    by_name = {table.name: table for table in tables}
    keys = np.full((max(SPACES.values()) + 1, 1 << 16), -1, np.int16)
    groups = {number: name for name, number in STEPS.items()}
    readers: dict[int, tuple[Table, ...]] = {
        number: (by_name[name],) for name, number in STEPS.items() if name in by_name
    }
    for name, number in STEPS.items():
        for space, value in parsed(by_name[name].on if name in by_name else (), name) or parsed(
            KEYS.get(name, ()), name
        ):
            keys[space, value] = number
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
                f"Tables {groups[int(keys[key])]} and {names[0]} both claim one key; give it to one of them."
            )
        keys[key] = group
    for name in by_content:
        if name not in groups.values():
            number = max(FIRST_LEAF - 1, *groups) + 1
            groups[number], readers[number] = name, (by_name[name],)
    return Dispatch(keys, groups, readers)


def parsed(on: Iterable[str], name: str) -> list[tuple[int, int]]:
    """Dispatch keys as (space, value)."""
    result = []
    for key in on:
        space, _, value = key.partition("=")
        if space not in SPACES:
            raise SchemaError(f"Table {name}: dispatch key {key} names no known space; use one of {', '.join(SPACES)}.")
        result.append((SPACES[space], int(value, 0)))
    return result
