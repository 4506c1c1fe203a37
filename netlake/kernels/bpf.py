"""A machine for classic BPF programs (McCanne and Jacobson, 1993), as libpcap compiles them from filter expressions.

A program is checked before it runs (`netlake.sources.bpf`): jumps stay inside, its last instruction returns, and
places of the scratch memory are 0 to 15. Loads beyond the captured bytes and division by zero end a program with 0,
which rejects the packet; so does the end of MOST_STEPS, as `protochain` makes loops.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel

# classes, sizes and modes of instructions, as in <pcap/bpf.h>
LD, LDX, ST, STX, ALU, JMP, RET, MISC = range(8)
WORD, HALF, BYTE = 0x00, 0x08, 0x10
IMM, ABS, IND, MEM, LEN, MSH = 0x00, 0x20, 0x40, 0x60, 0x80, 0xA0
MEMORY = 16
LOW = 0xFFFFFFFF
MOST_STEPS = 1 << 16


@kernel("int64(uint8[::1], int64, int64, int64, int64)")
def load(data, start, captured, at, size):
    """The big-endian number of `size` bytes (1, 2 or 4) at `at` of a packet; -1 beyond its captured bytes."""
    if at < 0 or at + size > captured:
        return np.int64(-1)
    value = np.int64(0)
    for i in range(start + at, start + at + size):
        value = value << 8 | np.int64(data[i])
    return value


@kernel("int64(int64, int64, int64)")
def arithmetic(operation, a, b):
    """The result of an ALU instruction on numbers of 32 bits; -1 for division by zero."""
    if operation == 0x00:
        return a + b & LOW
    if operation == 0x10:
        return a - b & LOW
    if operation == 0x20:
        # a product of 32 bits by 32 bits can exceed 63 bits
        return ((a * (b >> 16) & 0xFFFF) << 16) + a * (b & 0xFFFF) & LOW
    if operation == 0x30 or operation == 0x90:
        if b == 0:
            return np.int64(-1)
        return a // b if operation == 0x30 else a % b
    if operation == 0x40:
        return a | b
    if operation == 0x50:
        return a & b
    if operation == 0x60:
        return a << b & LOW if b < 32 else np.int64(0)
    if operation == 0x70:
        return a >> b if b < 32 else np.int64(0)
    if operation == 0x80:
        return -a & LOW
    return a ^ b


@kernel("boolean(int64, int64, int64)")
def jumps(operation, a, b):
    """Whether a conditional jump is true."""
    if operation == 0x10:
        return a == b
    if operation == 0x20:
        return a > b
    if operation == 0x30:
        return a >= b
    return a & b != 0


@kernel("boolean(int64[:, ::1], int64[::1], uint8[::1], int64, int64, int64)")
def accepts(program, memory, data, start, captured, length):
    """Whether a program, rows of (code, jt, jf, k), accepts a packet; `memory` has MEMORY numbers."""
    memory[:] = 0
    a = np.int64(0)
    x = np.int64(0)
    at = 0
    for _ in range(MOST_STEPS):
        code, k = program[at, 0], program[at, 3]
        at += 1
        kind, mode = code & 0x07, code & 0xE0
        if kind == RET:
            return (a if code & 0x18 == 0x10 else k) != 0
        if kind == LD or kind == LDX:
            size = 4 if code & 0x18 == WORD else 2 if code & 0x18 == HALF else 1
            if mode == IMM:
                value = k
            elif mode == LEN:
                value = length
            elif mode == MEM:
                value = memory[k]
            elif mode == MSH:
                value = load(data, start, captured, k, 1)
                if value >= 0:
                    value = 4 * (value & 0x0F)
            else:
                value = load(data, start, captured, k + x if mode == IND else k, size)
            if value < 0:
                return False
            if kind == LD:
                a = value
            else:
                x = value
        elif kind == ST:
            memory[k] = a
        elif kind == STX:
            memory[k] = x
        elif kind == ALU:
            a = arithmetic(code & 0xF0, a, x if code & 0x08 else k)
            if a < 0:
                return False
        elif kind == JMP:
            if code & 0xF0 == 0x00:
                at += k
            elif jumps(code & 0xF0, a, x if code & 0x08 else k):
                at += program[at - 1, 1]
            else:
                at += program[at - 1, 2]
        elif code & 0xF8 == 0x80:
            a = x
        else:
            x = a
    return False


@kernel(
    "void(int64[:, ::1], int64[::1], int64, uint8[::1], int64[::1], int64[::1], int64[::1], int32[::1], boolean[::1])"
)
def accepted(program, memory, link_type, data, start, captured, length, link_types, result):
    """Write for each packet of `link_type` whether the program accepts it; others are left."""
    for i in range(len(result)):
        if link_types[i] == link_type:
            result[i] = accepts(program, memory, data, start[i], captured[i], length[i])
