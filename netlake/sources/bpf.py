"""Packets of a source that a filter expression of libpcap accepts, as tcpdump does.

- The expression is compiled by libpcap (pcapy-ng, extra `bpf`), once for each link type of a capture, because offsets
  depend on it; the program runs in `netlake.kernels.bpf` on whole batches. Packets of a link type for which the
  expression has no meaning are rejected; a capture that has no others is an error.
- Accepted packets keep their numbers in the capture, so that they can be found in it again. Comments and options of
  rejected packets are rejected with them.
- What is decoded is another capture than the whole file: its id is computed from that of the file and the expression.
  So a lake can have both, or the same file with several expressions, and each of them once. Spaces at the ends of an
  expression do not count, other differences of its text do. The SHA-256 of the file is only in the quality report.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from netlake.errors import InputError, OptionError
from netlake.kernels import bpf as machine
from netlake.packets import ARRAYS, Mask, Packets
from netlake.sources.facts import PacketOptions
from netlake.sources.source import Source

Program = npt.NDArray[np.int64]
SNAPLEN = 262_144
# LINKTYPE_ numbers whose DLT_ number, which libpcap compiles for, is another
DLT = {100: 11, 101: 12, 106: 19}
LOW = 0xFFFFFFFF
# an expression that is valid for none of these is taken for a mistake: Ethernet, IP, 802.11, Linux cooked
LINK_TYPES = (1, 101, 105, 113)


def checked(expression: str | None) -> str | None:
    """The expression without spaces at its ends.

    OptionError if it is empty, if it is valid for none of LINK_TYPES, or if libpcap is not installed.
    """
    if expression is None:
        return None
    expression = expression.strip()
    if not expression:
        raise OptionError("--bpf: the expression is empty; give one such as 'tcp port 80'.")
    mistakes = []
    for link_type in LINK_TYPES:
        try:
            compiled(expression, link_type)
        except InputError as error:
            mistakes.append(error.__cause__)
        else:
            return expression
    raise OptionError(f"--bpf: {expression!r} is no filter expression: {mistakes[0]}.")


def _library() -> Any:
    try:
        import pcapy
    except ImportError:
        raise OptionError("--bpf needs pcapy-ng: install it with `pip install 'netlake[bpf]'`.") from None
    return pcapy


def compiled(expression: str, link_type: int) -> Program:
    """The program of an expression for a link type (LINKTYPE_ number), rows of (code, jt, jf, k).

    InputError if libpcap cannot compile it for packets of this link type.
    """
    library = _library()
    try:
        found = library.compile(DLT.get(link_type, link_type), SNAPLEN, expression, 1, LOW).get_bpf()
    except (library.PcapError, library.BPFError, OverflowError, ValueError) as error:
        raise InputError(
            f"The BPF expression {expression!r} cannot be used for packets of link type {link_type}: {error}."
        ) from error
    program = np.array([[code, yes, no, _signed(code, k & LOW)] for code, yes, no, k in found], np.int64).reshape(-1, 4)
    if not _is_valid(program):
        raise InputError(f"libpcap made an invalid program of the BPF expression {expression!r}.")
    return program


def _signed(code: int, k: int) -> int:
    """The constant of an instruction; the distance of a jump without condition may be negative."""
    return k - (1 << 32) if code == machine.JMP and k >> 31 else k


def _is_valid(program: Program) -> bool:
    """Whether jumps and memory stay inside, and the last instruction returns."""
    if not len(program) or program[-1, 0] & 7 != machine.RET:
        return False
    for at, (code, yes, no, k) in enumerate(program.tolist()):
        kind = code & 7
        ways = ((k,) if code == machine.JMP else (yes, no)) if kind == machine.JMP else ()
        stores = kind in (machine.ST, machine.STX) or (kind in (machine.LD, machine.LDX) and code & 0xE0 == machine.MEM)
        if not all(0 <= at + 1 + way < len(program) for way in ways) or (stores and k >= machine.MEMORY):
            return False
    return True


class Filtered:
    """A source that has only the packets which an expression accepts; `rejected` counts the others."""

    def __init__(self, source: Source, expression: str) -> None:
        self._source, self.expression = source, expression
        self.rejected = 0
        self._programs: dict[int, Program | None] = {}
        self._unfit: InputError | None = None
        self._memory = np.zeros(machine.MEMORY, np.int64)
        if source.size is not None:
            # the id of a stream is random
            source.capture_id = derived(source.capture_id, expression)
            source.former_id = derived(source.former_id, expression)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("_source", "expression", "rejected", "_programs", "_unfit", "_memory"):
            object.__setattr__(self, name, value)
        else:
            setattr(self._source, name, value)

    def __enter__(self) -> Self:
        self._source.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._source.__exit__(*error)  # type: ignore[arg-type]

    def batches(self, rows: int = 8192, max_wait: float | None = None) -> Iterator[Packets]:
        """Batches with accepted packets only; a batch may be empty."""
        for batch in self._source.batches(rows, max_wait):
            keep = self.accepted(batch)
            rejected = batch.number[: batch.count][~keep]
            if len(rejected):
                self._reject(batch, keep, rejected)
            yield batch
        if self._unfit is not None and not any(program is not None for program in self._programs.values()):
            raise self._unfit

    def accepted(self, batch: Packets) -> Mask:
        """Whether the expression accepts each packet."""
        count = batch.count
        keep = np.zeros(count, np.bool_)
        link_types = np.ascontiguousarray(batch.link_type[:count])
        arrays = [np.ascontiguousarray(one[:count]) for one in (batch.start, batch.captured, batch.length)]
        for link_type in np.unique(link_types).tolist():
            if link_type not in self._programs:
                self._programs[link_type] = self._compiled(link_type)
            if (program := self._programs[link_type]) is not None:
                machine.accepted(program, self._memory, link_type, batch.data, *arrays, link_types, keep)
        return keep

    def _compiled(self, link_type: int) -> Program | None:
        """The program for a link type; None if the expression has no meaning for it."""
        try:
            return compiled(self.expression, link_type)
        except InputError as error:
            self._unfit = error
            return None

    def _reject(self, batch: Packets, keep: Mask, rejected: npt.NDArray[np.int64]) -> None:
        left = int(np.count_nonzero(keep))
        for name in ARRAYS:
            array = getattr(batch, name)
            array[:left] = array[: batch.count][keep]
        batch.count = batch.rows = left
        self.rejected += len(rejected)
        source, gone = self._source, set(rejected.tolist())
        source.comments[:] = [one for one in source.comments if one.packet not in gone]
        source.options[:] = [kept for one in source.options if (kept := _without(one, gone)) is not None]


def _without(options: PacketOptions, gone: set[int]) -> PacketOptions | None:
    """The options of packets that are not `gone`; None if there are none."""
    keep = np.array([number not in gone for number in options.packet.tolist()], np.bool_)
    if keep.all():
        return options
    numbers = {name: (values[keep], known[keep]) for name, (values, known) in options.numbers.items()}
    lists = {
        name: {number: listed for number, listed in getattr(options, name).items() if number not in gone}
        for name in ("verdicts", "hashes", "others")
    }
    left = PacketOptions(options.packet[keep], numbers, **lists, malformed=options.malformed - gone)
    return left if len(left.packet) else None


def derived(capture: str, expression: str) -> str:
    """The id of what an expression accepts of a capture."""
    return hashlib.blake2b(bytes.fromhex(capture) + b"\0bpf\0" + expression.encode(), digest_size=8).hexdigest()
