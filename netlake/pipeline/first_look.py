"""Which protocol streams have, by their first bytes: the rules are at the head of netlake.pipeline.streams.

What candidates there are is computed for all streams of a batch at once; only they are asked, stream by stream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from netlake.kernels import first_look
from netlake.kernels.flow_state import Records
from netlake.layers.streamed import NO, UNSURE, YES, Chains, Stream, Verdict
from netlake.packets import Shorts
from netlake.pipeline.handed import NO_PROTOCOL, Handed

# bytes that candidates are chosen by
LEADING = 4
# the bits of candidates
MOST_STREAMS = 64
Bits = npt.NDArray[np.uint64]


class FirstLook:
    """Which protocol streams have; `numbers` are those of protocols by name, in the order of `streams`."""

    def __init__(
        self,
        streams: Mapping[str, Stream],
        numbers: Mapping[str, int],
        failed: Callable[[str, Exception], None],
        handed: Handed | None = None,
    ) -> None:
        self.streams, self.failed = list(streams.values()), failed
        self.handed = Handed() if handed is None else handed
        self.numbers = [numbers[stream.name] for stream in self.streams]
        if len(self.streams) > MOST_STREAMS:
            raise ValueError(f"{len(self.streams)} protocols in streams are declared; at most {MOST_STREAMS} can be.")
        # may[k, b]: bits of the streams whose byte k can be b
        self.may = np.zeros((LEADING, 256), np.uint64)
        self.on_port = np.zeros(1 << 16, np.uint64)
        self.by_token: dict[str, int] = {}
        anywhere = probed = 0
        for bit, stream in enumerate(self.streams):
            one = np.uint64(1 << bit)
            for start in stream.starts or (b"",):
                for k in range(LEADING):
                    fits = slice(None) if k >= len(start) or start[k : k + 1] == b"?" else start[k]
                    self.may[k, fits] |= one
            self.on_port[list(stream.ports)] |= one
            for token in stream.tokens:
                self.by_token[token] = self.by_token.get(token, 0) | 1 << bit
            anywhere |= (1 << bit) * bool(stream.starts or stream.anywhere)
            probed |= (1 << bit) * (stream.port_probe is not None)
        self.anywhere, self.probed = np.uint64(anywhere), np.uint64(probed)
        self.dialogs = {numbers[stream.name] for stream in self.streams if stream.machine is not None}
        self.looks = np.zeros(1 << 10, first_look.LOOK)
        self.scratch = np.zeros(1 << 16, np.uint8)

    def gather(self, chains: Chains) -> Records:
        """The first bytes (LOOK) of the streams that have no protocol."""
        if len(chains.first) > len(self.looks):
            self.looks = np.zeros(2 * len(chains.first), first_look.LOOK)
        return self.looks[: first_look.gather(chains.first, chains.states, chains.data, chains.arena, self.looks)]

    def keep(self, looks: Records, undecided: npt.NDArray[np.bool_], chains: Chains) -> None:
        """Keep the bytes of the streams that are not decided until more of them are known."""
        if undecided.any():
            first_look.keep_first(
                looks, undecided.view(np.uint8), chains.states, chains.data, chains.arena, self.scratch
            )

    def numbers_of(self, looks: Records, streams: Shorts, flow: Records, states: Records) -> npt.NDArray[np.uint8]:
        """The protocols of streams, in the order in which they began: 0 is not decided, NO_PROTOCOL is none.

        A dialog is also given to the other direction. A protocol that the one before named counts as one on its port.
        """
        ports = self.on_port[flow["a_port"]] | self.on_port[flow["b_port"]]
        if self.handed.flows:
            tokens = map(self.handed.token, flow["number"].tolist())
            ports |= np.array([self.by_token.get(token, 0) for token in tokens], np.uint64)
        # on its ports a probe of its own decides, whatever the first bytes are
        bits = (self._candidates(looks) & (ports | self.anywhere)) | (ports & self.probed)
        decided: dict[int, int] = {}
        data = looks["data"].tobytes()
        width = looks["data"].shape[1]
        rows = zip(
            streams.tolist(), bits.tolist(), (bits & ports).tolist(), looks["size"].tolist(), looks["closed"].tolist(),
            states["protocol"][streams ^ 1].tolist(), strict=True,
        )  # fmt: skip
        for at, (stream, some, first, size, closed, other) in enumerate(rows):
            other = decided.get(stream ^ 1, other)  # noqa: PLW2901 - decided in this batch
            begin = at * width
            number = (
                self._asked(data[begin : begin + size], stream & 1, order(some, first, other - 1), first, other)
                if some
                else NO_PROTOCOL
            )
            if number == NO_PROTOCOL or (number == 0 and closed):
                number = other if other in self.dialogs else NO_PROTOCOL
            decided[stream] = number
            if number in self.dialogs and other == 0:
                if stream ^ 1 in decided:
                    decided[stream ^ 1] = number
                elif states["flow"][stream ^ 1] == states["flow"][stream]:
                    states["protocol"][stream ^ 1] = number
        return np.array([decided[stream] for stream in streams.tolist()], np.uint8)

    def _asked(self, data: bytes, side: int, candidates: tuple[int, ...], ports: int, other: int) -> int:
        """The protocol of a stream that begins with `data`, by its candidates' probes.

        NO_PROTOCOL if all say no, 0 if more bytes can decide. `ports` are the bits of those on their ports, `other` is
        the number of the other direction.
        """
        unsure = False
        for bit in candidates:
            verdict = self._ask(self.streams[bit], data, side, is_on_port=bool(ports >> bit & 1))
            if verdict is YES:
                return self.numbers[bit]
            is_dialog = other in self.dialogs and bit == other - 1
            unsure |= verdict is UNSURE and not is_dialog
        return 0 if unsure else NO_PROTOCOL

    def _candidates(self, looks: Records) -> Bits:
        """Bits of the streams that can begin so."""
        data, size = looks["data"], looks["size"]
        bits: Bits = self.may[0][data[:, 0]].copy()
        for k in range(1, LEADING):
            known = size > k
            bits[known] &= self.may[k][data[known, k]]
        return bits

    def _ask(self, stream: Stream, data: bytes, side: int, *, is_on_port: bool) -> Verdict:
        probe = stream.port_probe if is_on_port and stream.port_probe is not None else stream.probe
        try:
            return probe(data, side)
        except Exception as error:  # noqa: BLE001 - any exception; decoding continues
            self.failed(stream.name, error)
            return NO


@lru_cache(1 << 12)
def order(bits: int, ports: int, other: int) -> tuple[int, ...]:
    """The candidates `bits` as they are asked: those on their `ports` first, then `other`, then by name."""
    some = [bit for bit in range(bits.bit_length()) if bits >> bit & 1]
    return tuple(sorted(some, key=lambda bit: (not ports >> bit & 1, bit != other, bit)))
