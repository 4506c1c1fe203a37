"""EDNS (RFC 6891): columns of a message from its OPT record.

Decided here:
- The first OPT record counts. More than one, or one outside the additional section or not owned by the root, gives the
  row the fault `bad_options` (RFC 6891 section 6.1.1).
- A message has no EDNS only if all its records were read; until then the extended response code is null.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netlake.kernels import dns as k
from netlake.kernels import dns_text as t
from netlake.layers.read import addresses, column_type, fill, mark, plain
from netlake.packets import Columns, Ints, Messages, Nullable, Value
from netlake.protocols.dns.columns import RCODE_NAMES, lists, no_lists, spans
from netlake.protocols.dns.found import Records
from netlake.schema import Table, faults

Mask = npt.NDArray[np.bool_]

CLIENT_SUBNET = 8
# IANA address families of a client subnet: size of an address
FAMILIES = {1: 4, 2: 16}


def columns(table: Table, messages: Messages, batch: Records, header: Columns, whole: Mask) -> Columns:
    """Columns of the first OPT record of each message.

    `whole` marks the messages whose records were all read.
    """
    records = np.flatnonzero(batch.records[k.R_TYPE] == t.OPT)
    of, first = np.unique(batch.records[k.R_MESSAGE][records], return_index=True)
    _mark_misplaced(messages, batch.records[:, records])
    opt = batch.records[:, records[first]]
    has = np.zeros(len(messages), np.bool_)
    has[of] = True

    def spread(values: Ints, dtype: type[np.generic]) -> Nullable:
        whole = np.zeros(len(messages), dtype)
        whole[of] = values
        return Nullable(whole, has)

    ttl = opt[k.R_TTL]
    return {
        "edns_version": spread(ttl >> 16 & 255, np.int16),
        "edns_udp_size": spread(opt[k.R_CLASS], np.int32),
        "dnssec_ok": spread(ttl >> 15 & 1, np.bool_),
        **_rcodes(header, of, ttl >> 24, has | whole),
        **_options(table, messages, of, opt),
    }


def _mark_misplaced(messages: Messages, opt: npt.NDArray[np.int64]) -> None:
    """Set the fault of messages whose OPT record is repeated or not in its place (RFC 6891 section 6.1.1)."""
    of = opt[k.R_MESSAGE]
    mark(messages, np.bincount(of, minlength=len(messages)) > 1, faults.BAD_OPTIONS)
    misplaced = (opt[k.R_SECTION] != k.ADDITIONAL) | (messages.data[opt[k.R_NAME]] != 0)
    mark(messages, _among(of[misplaced], len(messages)), faults.BAD_OPTIONS)


def _rcodes(header: Columns, of: npt.NDArray[np.int64], high: Ints, known: Mask) -> Columns:
    """Response code with the upper eight bits of EDNS; null where it is not `known` whether the message has EDNS."""
    whole = plain(header["rcode"]).astype(np.int32)
    whole[of] |= high.astype(np.int32) << 4
    return {
        "extended_rcode": Nullable(whole, known),
        "rcode_name": RCODE_NAMES.of(whole, ~known),
    }


def _options(table: Table, messages: Messages, of: npt.NDArray[np.int64], opt: npt.NDArray[np.int64]) -> Columns:
    data_type = column_type(table, "edns_options")
    start, end = np.ascontiguousarray(opt[k.R_DATA]), np.ascontiguousarray(opt[k.R_END])
    options, broken = np.empty((4, int((end - start).sum()) // 4), np.int64), np.zeros(len(of), np.bool_)
    count = k.find_options(messages.data, start, end, options, broken)
    mark(messages, _among(of[broken], len(messages)), faults.BAD_OPTIONS)
    if not count:
        return {"edns_options": no_lists(data_type, len(messages))}
    options = np.ascontiguousarray(options[:, :count])
    message = of[options[k.O_MESSAGE]]
    data = spans(messages.data, options[k.O_DATA], options[k.O_END], pa.binary())
    code = pa.array(options[k.O_CODE].astype(np.int32))
    lengths = np.bincount(message, minlength=len(messages))
    return {
        "edns_options": lists(data_type, lengths, code, data),
        **_client_subnets(messages, message, options),
    }


def _among(index: npt.NDArray[np.int64], count: int) -> Mask:
    result = np.zeros(count, np.bool_)
    result[index] = True
    return result


def _client_subnets(messages: Messages, message: Ints, options: npt.NDArray[np.int64]) -> Columns:
    """Columns of the first client subnet (RFC 7871) of each message."""
    subnets: dict[int, tuple[bytes, int, int]] = {}
    broken = np.zeros(len(messages), np.bool_)
    for option in np.flatnonzero(options[k.O_CODE] == CLIENT_SUBNET).tolist():
        data = messages.data[options[k.O_DATA, option] : options[k.O_END, option]].tobytes()
        subnet = client_subnet(data)
        if subnet is None:
            broken[message[option]] = True
        else:
            subnets.setdefault(int(message[option]), subnet)
    mark(messages, broken, faults.BAD_OPTIONS)
    if not subnets:
        return {}
    has = _among(np.array(list(subnets)), len(messages))
    prefixes, scopes = np.zeros(len(messages), np.int16), np.zeros(len(messages), np.int16)
    for of, (_, prefix, scope) in subnets.items():
        prefixes[of], scopes[of] = prefix, scope
    return {
        "client_subnet": _addresses(messages, {of: address for of, (address, _, _) in subnets.items()}),
        "client_subnet_prefix": Nullable(prefixes, has),
        "client_subnet_scope": Nullable(scopes, has),
    }


def _addresses(messages: Messages, by_message: dict[int, bytes]) -> Value:
    """A column of the addresses by message, null for the other messages."""
    column = None
    for kind, size in (("ipv4", 4), ("ipv6", 16)):
        chosen = {of: address for of, address in by_message.items() if len(address) == size}
        if chosen:
            data = np.frombuffer(b"".join(chosen.values()), np.uint8).copy()
            at = np.arange(len(chosen), dtype=np.int64) * size
            index = np.array(list(chosen), np.intp)
            column = fill(len(messages), index, addresses(kind, data, at, messages.pools), column)
    return column


def client_subnet(data: bytes) -> tuple[bytes, int, int] | None:
    """Address, source prefix length and scope prefix length; None if the option is malformed."""
    size = FAMILIES.get(int.from_bytes(data[:2], "big"), 0)
    if len(data) < 4 or not size or max(data[2:4]) > 8 * size or len(data) - 4 != (data[2] + 7) // 8:
        return None
    return data[4:].ljust(size, b"\0"), data[2], data[3]
