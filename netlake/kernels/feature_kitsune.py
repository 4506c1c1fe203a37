"""Incremental statistics of streams that forget (Mirsky et al., Kitsune, NDSS 2018), for several rates of decay.

A stream has a weight w, a sum LS and a sum of squares SS. Before a value x at time t all three are multiplied by
2^(-lambda * seconds since the last value), then w + 1, LS + x, SS + x^2. Mean LS / w; variance |SS / w - mean^2|.
A pair of streams, two directions, also has a sum SR of products of residuals: a new residual x - mean times the last
one of the other stream. Radius and magnitude are the lengths of the vectors of both variances and both means;
covariance SR / (w1 + w2); correlation covariance / (deviation1 * deviation2), 0 where that is not defined.
"""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

import numpy as np

from netlake.kernels import kernel
from netlake.packets import Ints

STREAM = np.dtype([("weight", np.float64), ("total", np.float64), ("squares", np.float64), ("residual", np.float64),
                   ("last", np.int64), ("seen", np.uint8)], align=True)  # fmt: skip
PAIR = np.dtype([("products", np.float64), ("last", np.int64), ("seen", np.uint8)], align=True)
MI, HH, JITTER, SOCKET = 3, 7, 3, 7


class KitsuneArrays(NamedTuple):
    """Packets in order: codes of the source, host pair and socket pair; `side` is 0 or 1 in both pairs."""

    source: Annotated[Ints, "int64[::1]"]
    pair: Annotated[Ints, "int64[::1]"]
    socket: Annotated[Ints, "int64[::1]"]
    pair_side: Annotated[Ints, "int64[::1]"]
    socket_side: Annotated[Ints, "int64[::1]"]
    time: Annotated[Ints, "int64[::1]"]
    size: Annotated[Ints, "int64[::1]"]


@kernel()
def _decay(stream, rate, now):
    """Bring a stream to the time `now`, microseconds."""
    if stream.seen and now > stream.last:
        factor = 2.0 ** (-rate * ((now - stream.last) / 1e6))
        stream.weight *= factor
        stream.total *= factor
        stream.squares *= factor
    if not stream.seen or now > stream.last:
        stream.last = now
    stream.seen = 1
    return 0


@kernel()
def _mean(stream):
    return stream.total / stream.weight if stream.weight > 0 else 0.0


@kernel()
def _variance(stream):
    if stream.weight <= 0:
        return 0.0
    mean = stream.total / stream.weight
    return abs(stream.squares / stream.weight - mean * mean)


@kernel()
def _insert(stream, rate, now, value):
    _decay(stream, rate, now)
    stream.weight += 1
    stream.total += value
    stream.squares += value * value
    return 0


@kernel()
def _insert_pair(own, other, pair, rate, now, value):
    """Add a value to the stream `own` of a pair."""
    _insert(own, rate, now, value)
    if other.seen:
        _decay(other, rate, now)
    if pair.seen and now > pair.last:
        pair.products *= 2.0 ** (-rate * ((now - pair.last) / 1e6))
    if not pair.seen or now > pair.last:
        pair.last = now
    pair.seen = 1
    residual = value - _mean(own)
    pair.products += residual * other.residual
    own.residual = residual
    return 0


@kernel("void(KitsuneArrays, float64[::1], STREAM[:, ::1], STREAM[:, :, ::1], PAIR[:, ::1], STREAM[:, :, ::1],"
        " STREAM[:, :, ::1], PAIR[:, ::1], float64[:, ::1])")  # fmt: skip
def follow(packets, rates, sources, hosts, host_pairs, jitters, sockets, socket_pairs, features):
    """Write the features of each packet; streams have a record for each rate, those of pairs for each side too.

    Columns of `features` are, for each group (source, host pair, jitter, socket pair), those of each rate: weight,
    mean, deviation, and for pairs radius, magnitude, covariance, correlation.
    """
    count = rates.shape[0]
    for i in range(packets.time.shape[0]):
        now, size = packets.time[i], float(packets.size[i])
        a, b = packets.pair_side[i], packets.socket_side[i]
        host, socket = packets.pair[i], packets.socket[i]
        for k in range(count):
            rate = rates[k]
            s = sources[packets.source[i], k]
            _insert(s, rate, now, size)
            _write(s, features, i, k * MI)
            j = jitters[host, a, k]
            passed = float(now - j.last) if j.seen and now > j.last else 0.0
            _insert(j, rate, now, passed / 1e6)
            _write(j, features, i, count * (MI + HH) + k * JITTER)
            _insert_pair(hosts[host, a, k], hosts[host, 1 - a, k], host_pairs[host, k], rate, now, size)
            _write(hosts[host, a, k], features, i, count * MI + k * HH)
            _write_pair(hosts[host, a, k], hosts[host, 1 - a, k], host_pairs[host, k], features, i,
                        count * MI + k * HH + 3)  # fmt: skip
            _insert_pair(sockets[socket, b, k], sockets[socket, 1 - b, k], socket_pairs[socket, k], rate, now, size)
            at = count * (MI + HH + JITTER) + k * SOCKET
            _write(sockets[socket, b, k], features, i, at)
            _write_pair(sockets[socket, b, k], sockets[socket, 1 - b, k], socket_pairs[socket, k], features, i, at + 3)


@kernel()
def _write(stream, features, row, at):
    features[row, at] = stream.weight
    features[row, at + 1] = _mean(stream)
    features[row, at + 2] = math.sqrt(_variance(stream))
    return 0


@kernel()
def _write_pair(own, other, pair, features, row, at):
    one, two = _variance(own), _variance(other)
    features[row, at] = math.sqrt(one * one + two * two)
    features[row, at + 1] = math.sqrt(_mean(own) ** 2 + _mean(other) ** 2)
    covariance = pair.products / (own.weight + other.weight)
    features[row, at + 2] = covariance
    deviations = math.sqrt(one) * math.sqrt(two)
    features[row, at + 3] = covariance / deviations if deviations > 0 else 0.0
    return 0
