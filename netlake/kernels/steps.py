"""The steps of the walk: every header that it enters, with the function that reads it.

Each header of a packet belongs to a group, a number. The first groups are the members of `Step`: headers that the walk
enters, in order to find what follows. Two groups are for the classifier: UNCLAIMED, UDP payloads whose ports have no
key, and CONTESTED, payloads whose ports have keys of different leaves. All other groups are leaves, numbered by
netlake.layers.steps: messages that go to readers.

A step is `NAME = kind, function`. The name in lower case is that of its table, which gives the dispatch keys that lead
to it; a step without a table has its keys in netlake.layers.steps. The number follows from the order. The kind selects
what the walk does around the function (netlake.kernels.walk): an IP header begins a record in Headers, a transport
header has ports, a tunnel may begin flows of its own.

To add a tunnel
1. netlake/protocols/NAME.py: its table, whose `on` has the keys that lead to it.
2. netlake/kernels/tunnels/NAME.py: its function NAME, `(data, keys, w) -> Next`, see netlake.kernels.answers.
3. Here, at the end of Step: `NAME = tunnel("NAME")`. `dispatcher` makes one kernel of the functions, a chain of
   comparisons that is compiled into a jump table.
"""

from __future__ import annotations

from enum import IntEnum
from importlib import import_module
from typing import Any

import numpy as np

from netlake.kernels import (
    Kernel,
    kernel,
    tunnels,
    walk_capture,
    walk_cooked,
    walk_link,
    walk_network,
    walk_serial,
    walk_transport,
)
from netlake.kernels.answers import Space, malformed
from netlake.kernels.walk_wireless import dot11
from netlake.schema.faults import BAD_VALUE


class StepKind(IntEnum):
    """How the walk treats a group."""

    LINK = 0
    NETWORK = 1
    EXTENSION = 2
    TRANSPORT = 3
    ICMP = 4  # an error quotes an IP header, and the type may lead to a leaf
    TUNNEL = 5
    BESIDE = 6  # a message that is emitted together with another step, not found by a key
    LEAF = 7


def tunnel(name: str) -> tuple[StepKind, Kernel]:
    """The kind and the function of the step whose module in netlake.kernels.tunnels is `name`."""
    return StepKind.TUNNEL, getattr(import_module(f"{tunnels.__name__}.{name}"), name)


class Step(IntEnum):
    """The headers that the walk enters; see the head of this file."""

    kind: StepKind
    function: Kernel | None

    def __new__(cls, kind: StepKind, function: Kernel | None = None, number: int | None = None) -> Any:
        """The member with `number`, by default the one after the member before."""
        if number is None:
            number = max((step.value + 1 for step in cls.__members__.values()), default=0)
        member = int.__new__(cls, number)
        member._value_, member.kind, member.function = number, kind, function
        return member

    ETHERNET = StepKind.LINK, walk_link.ethernet
    LINUX_SLL = StepKind.LINK, walk_cooked.linux_sll
    LINUX_SLL2 = StepKind.LINK, walk_cooked.linux_sll2
    RAW = StepKind.LINK, walk_link.raw
    NULL = StepKind.LINK, walk_link.loopback
    LOOP = StepKind.LINK, walk_link.loopback
    PPP = StepKind.LINK, walk_serial.ppp
    DOT1Q = StepKind.LINK, walk_link.dot1q
    LLC = StepKind.LINK, walk_link.llc
    SNAP = StepKind.LINK, walk_link.snap
    DOT11 = StepKind.LINK, dot11
    FDDI = StepKind.LINK, walk_capture.fddi
    NFLOG = StepKind.LINK, walk_capture.nflog
    FRAME_RELAY = StepKind.LINK, walk_serial.frame_relay
    CISCO_HDLC = StepKind.LINK, walk_serial.cisco_hdlc
    OTHER_LINK = StepKind.LINK, walk_capture.other_link
    IPV4 = StepKind.NETWORK, walk_network.ipv4
    IPV6 = StepKind.NETWORK, walk_network.ipv6
    IPV6_HOP_BY_HOP = StepKind.EXTENSION, walk_network.ipv6_options
    IPV6_ROUTING = StepKind.EXTENSION, walk_network.ipv6_options
    IPV6_DESTINATION_OPTIONS = StepKind.EXTENSION, walk_network.ipv6_options
    IPV6_FRAGMENT = StepKind.EXTENSION, walk_network.ipv6_fragment
    IPSEC_AH = StepKind.EXTENSION, walk_network.ipsec_ah
    IP_IN_IP = (StepKind.BESIDE,)  # the IP header that another IP header carries
    TCP = StepKind.TRANSPORT, walk_transport.tcp
    UDP = StepKind.TRANSPORT, walk_transport.udp
    SCTP = StepKind.TRANSPORT, walk_transport.sctp
    ICMPV4 = (StepKind.ICMP,)
    ICMPV6 = (StepKind.ICMP,)
    # column `tunnel_key` depends on the numbers of tunnels, so further ones are added at the end
    GRE = *tunnel("gre"), 48
    VXLAN = tunnel("vxlan")
    GENEVE = tunnel("geneve")
    MPLS = tunnel("mpls")
    PPPOE = tunnel("pppoe")
    L2TP = tunnel("l2tp")
    GTP_U = tunnel("gtp_u")
    ERSPAN = tunnel("erspan")
    TEREDO = tunnel("teredo")
    NSH = tunnel("nsh")
    PIM = tunnel("pim")
    IEEE8021AH = tunnel("ieee8021ah")
    CISCO_METADATA = tunnel("cisco_metadata")
    FABRIC_PATH = tunnel("fabric_path")
    VN_TAG = tunnel("vn_tag")
    E_TAG = tunnel("e_tag")
    CISCO_TTAG = tunnel("cisco_ttag")
    MACSEC = tunnel("macsec")
    TZSP = tunnel("tzsp")
    HP_ERM = tunnel("hp_erm")
    HSR = tunnel("hsr")
    TRILL = tunnel("trill")
    LISP = tunnel("lisp")
    AYIYA = tunnel("ayiya")
    PRP = (StepKind.BESIDE,)  # the trailer of a frame of Ethernet
    CAPWAP = tunnel("capwap")


# UDP payloads whose ports have no key, payloads whose ports have keys of two leaves, and the first number of a leaf
UNCLAIMED = max(Step) + 1
CONTESTED = UNCLAIMED + 1
FIRST_LEAF = CONTESTED + 1

# KIND[step]
KIND = np.full(UNCLAIMED, StepKind.LEAF, np.int8)
KIND[list(Step)] = [step.kind for step in Step]
# steps without a tunnel identifier: that IP or UDP carries them is the tunnel, and what is inside has flows of its own
BARE = np.zeros(UNCLAIMED, np.bool_)
BARE[[Step.IPV4, Step.IPV6, Step.MPLS, Step.ETHERNET]] = True


@kernel()
def is_leaf(group):
    """Whether the walk does not enter messages of `group`."""
    return group >= FIRST_LEAF


@kernel()
def kind_of(group):
    """The kind of a group."""
    return np.int64(KIND[group]) if group < UNCLAIMED else np.int64(StepKind.LEAF)


@kernel()
def none(data, keys, w):
    """No step, which is never called."""
    return malformed(BAD_VALUE)


def dispatcher(*kinds: StepKind) -> Kernel:
    """A kernel `(data, keys, w, step) -> Next` that calls the function of a step of `kinds`."""
    calls = {step: (step.function, "{}(data, keys, w)") for step in Step if step.kind in kinds and step.function}
    return _chain(calls, "none(data, keys, w)", once=True)


def checker() -> Kernel:
    """A kernel `(data, keys, w, step) -> bool`: whether the header of a tunnel over UDP is certainly at `w.at`.

    See netlake.kernels.tunnels for the functions NAME_fits, and what holds for a step without one.
    """
    calls = {}
    for step in Step:
        if step.kind == StepKind.TUNNEL and step.function:
            name = step.name.lower()
            own = getattr(import_module(f"{tunnels.__name__}.{name}"), f"{name}_fits", None)
            calls[step] = (own, "{}(data, keys, w)") if own else (step.function, "reads({}(data, keys, w), keys)")
    return _chain(calls, "True", once=False)


@kernel()
def reads(answer, keys):
    """Whether a step found its header valid, and what follows is known."""
    if answer.fault or answer.space == Space.NOWHERE:
        return False
    if answer.space == Space.DONE or answer.space == Space.LLC:
        return True
    return 0 <= answer.value <= 0xFFFF and keys[answer.space, answer.value] >= 0


def _chain(calls: dict[Step, tuple[Kernel, str]], otherwise: str, *, once: bool) -> Kernel:
    """A kernel that evaluates the expression of a step, in which `{}` is the name of its function.

    Its source is generated, so that a step is registered in one place: numba cannot call a function out of an array
    without a loss, and a chain of closures takes a minute to compile.
    """
    functions = {f"step_{step.value}": function for step, (function, _) in calls.items()}
    lines = [
        f"    if step == {step.value}: return {call.format(f'step_{step.value}')}" for step, (_, call) in calls.items()
    ]
    source = "\n".join(["def dispatch(data, keys, w, step):", *lines, f"    return {otherwise}"])
    names: dict[str, Any] = {"__name__": __name__, "none": none, "reads": reads, **functions}
    exec(source, names)  # noqa: S102 - of names and numbers only
    made: Kernel = kernel(once=once)(names["dispatch"])
    return made
