"""Read numbers from a byte buffer; the caller has checked that they are inside their message."""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel


@kernel()
def u16(data, at):
    """Big-endian 16 bits at `at`, as int64."""
    return np.int64(data[at]) << 8 | np.int64(data[at + 1])


@kernel()
def u24(data, at):
    """Big-endian 24 bits at `at`, as int64."""
    return np.int64(data[at]) << 16 | np.int64(data[at + 1]) << 8 | np.int64(data[at + 2])


@kernel()
def u32(data, at):
    """Big-endian 32 bits at `at`, as int64."""
    return (
        np.int64(data[at]) << 24 | np.int64(data[at + 1]) << 16 | np.int64(data[at + 2]) << 8 | np.int64(data[at + 3])
    )


@kernel()
def u64(data, at):
    """Big-endian 64 bits at `at`, as uint64."""
    return np.uint64(u32(data, at)) << np.uint64(32) | np.uint64(u32(data, at + 4))


@kernel()
def l16(data, at):
    """Little-endian 16 bits at `at`, as int64."""
    return np.int64(data[at + 1]) << 8 | np.int64(data[at])


@kernel()
def l32(data, at):
    """Little-endian 32 bits at `at`, as int64."""
    return (
        np.int64(data[at + 3]) << 24 | np.int64(data[at + 2]) << 16 | np.int64(data[at + 1]) << 8 | np.int64(data[at])
    )
