"""`kitsune`: the incremental statistics of Kitsune (AfterImage), a row for each packet with a flow.

Groups of the paper without the one that its code leaves out: MI, the source's MAC and IP address; HH, packets from one
address to another; HH_jit, the time between these; HpHp, packets from one address and port to another. Each is
computed for five rates of decay. The value is the length of the packet on the wire. The state is kept for the whole
capture: about 1.5 kB for each pair of addresses and for each pair of sockets.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from netlake.features.blocks import Block
from netlake.features.definition import Array, Feature
from netlake.features.identity import times
from netlake.features.packets import PacketSet
from netlake.features.reader import CaptureReader
from netlake.kernels.feature_kitsune import PAIR, STREAM, KitsuneArrays, follow
from netlake.kernels.feature_records import NO_TIME

RATES = (5.0, 3.0, 1.0, 0.1, 0.01)
ROWS = 1 << 14
ONE = ("weight", "mean", "std")
TWO = (*ONE, "radius", "magnitude", "covariance", "pcc")
GROUPS = (
    ("MI", ONE, "bytes", "packets from the MAC and IP address of the source"),
    ("HH", TWO, "bytes", "packets from the source to the destination address"),
    ("HH_jit", ONE, "s", "the time between packets from the source to the destination address"),
    ("HpHp", TWO, "bytes", "packets from the source to the destination address and port"),
)
DOCS = {
    "weight": ("packets", "Decayed number of {}."),
    "mean": ("{}", "Decayed mean of {}."),
    "std": ("{}", "Decayed standard deviation of {}."),
    "radius": ("{}^2", "Length of the vector of the variances of {} and of the reverse."),
    "magnitude": ("{}", "Length of the vector of the means of {} and of the reverse."),
    "covariance": ("{}^2", "Approximate covariance of {} with the reverse."),
    "pcc": ("", "Approximate correlation of {} with the reverse, 0 where it is not defined."),
}


def _features() -> Iterator[Feature]:
    for group, names, unit, words in GROUPS:
        for rate in RATES:
            for name in names:
                of, doc = DOCS[name]
                what = words if unit == "s" or name == "weight" else f"the lengths of {words}"
                text = f"{doc.format(what)[:-1]}; half-life {1 / rate:g} s."
                yield Feature(f"{group}_L{rate:g}_{name}", "f64", of.format(unit), text, "", "context",
                              ("packet.length", "packet.ts"))  # fmt: skip


class _State:
    """The streams of one capture; arrays grow with the codes, unused memory is not touched."""

    def __init__(self) -> None:
        count = len(RATES)
        self.sources = np.zeros((0, count), STREAM)
        self.pairs = [np.zeros((0, 2, count), STREAM) for _ in range(3)]
        self.sums = [np.zeros((0, count), PAIR) for _ in range(2)]
        self._codes: dict[str, int] = {}

    def code(self, flows: pa.Table) -> tuple[Array, Array]:
        """Codes of the source of both sides of each flow."""
        result = []
        for side in ("orig", "resp"):
            mac, ip = (flows.column(f"{side}_{name}").combine_chunks() for name in ("mac", "ip"))
            joined = pc.binary_join_element_wise(pc.fill_null(mac, ""), ip, " ").dictionary_encode()
            numbers = [self._codes.setdefault(text, len(self._codes)) for text in joined.dictionary.to_pylist()]
            result.append(np.array(numbers, np.int64)[joined.indices.to_numpy()])
        return result[0], result[1]

    def grow(self, pairs: int, sockets: int) -> None:
        """Make room for all codes."""
        self.sources = _grown(self.sources, len(self._codes))
        self.pairs = [_grown(made, size) for made, size in zip(self.pairs, (pairs, pairs, sockets), strict=True)]
        self.sums = [_grown(made, size) for made, size in zip(self.sums, (pairs, sockets), strict=True)]


def _grown(made: Array, size: int) -> Array:
    if size <= len(made):
        return made
    room = np.zeros((max(size, 2 * len(made)), *made.shape[1:]), made.dtype)
    room[: len(made)] = made
    return room


def _read(reader: CaptureReader) -> Iterator[list[pa.Array]]:
    state, latest = _State(), NO_TIME
    for block in reader.blocks():
        if not len(block):
            continue
        found = _arrays(block, state)
        # a packet without a time, or before the one before it, is simultaneous with it
        clock = np.maximum.accumulate(np.maximum(found["time"], latest))
        latest = int(clock[-1])
        for begin in range(0, len(block), ROWS):
            here = slice(begin, begin + ROWS)
            packets = KitsuneArrays(**{name: values[here] for name, values in (found | {"time": clock}).items()})
            features = np.empty((len(packets.time), 100))
            follow(packets, np.array(RATES), state.sources, state.pairs[0], state.sums[0], state.pairs[1],
                   state.pairs[2], state.sums[1], features)  # fmt: skip
            timed = block["time"][here] != NO_TIME
            yield [
                pa.array(block["packet"][here]), pa.array(block["flow"][here]), times(block["time"][here], timed),
                *map(pa.array, np.ascontiguousarray(features.T)),
            ]  # fmt: skip


def _arrays(block: Block, state: _State) -> dict[str, Any]:
    """The arrays of KitsuneArrays for all packets of a block."""
    flows = block.flows
    numbers = flows.column("flow").to_numpy()
    place = np.searchsorted(numbers, block["flow"])
    origs, resps = state.code(flows)
    codes = {name: flows.column(name).to_numpy().astype(np.int64) for name in ("pair", "socket")}
    state.grow(int(flows.column("pairs")[0].as_py()), int(flows.column("sockets")[0].as_py()))
    side = block["side"].astype(np.int64)
    smaller = {name: np.asarray(flows.column(name).cast(pa.int64()).to_numpy()) for name in ("low", "low_socket")}
    return {
        "source": np.where(side == 0, origs[place], resps[place]),
        "pair": codes["pair"][place], "socket": codes["socket"][place],
        "pair_side": side ^ smaller["low"][place], "socket_side": side ^ smaller["low_socket"][place],
        "time": block["time"], "size": block["frame"],
    }  # fmt: skip


_PAIR = "least(orig_ip, resp_ip), greatest(orig_ip, resp_ip)"
_SMALLER = "(orig_ip < resp_ip OR (orig_ip = resp_ip AND coalesce(orig_port, 0) <= coalesce(resp_port, 0)))"
_SOCKET = (f"if({_SMALLER}, orig_ip, resp_ip), if({_SMALLER}, resp_ip, orig_ip), if({_SMALLER}, orig_port, resp_port),"
           f" if({_SMALLER}, resp_port, orig_port)")  # fmt: skip
FLOW_COLUMNS = (
    "orig_mac", "resp_mac", f"dense_rank() OVER (ORDER BY {_PAIR}) - 1 AS pair",
    f"dense_rank() OVER (ORDER BY {_SOCKET}) - 1 AS socket", "count(*) OVER () AS pairs", "count(*) OVER () AS sockets",
    "orig_ip <= resp_ip AS low", f"{_SMALLER} AS low_socket",
)  # fmt: skip
SET = PacketSet(
    "kitsune",
    "Kitsune's incremental statistics",
    tuple(_features()),
    _read,
    flow_columns=FLOW_COLUMNS,
    references=("Y. Mirsky et al., Kitsune: An Ensemble of Autoencoders for Online NID, NDSS 2018",),
)
