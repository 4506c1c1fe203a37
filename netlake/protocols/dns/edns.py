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

from netlake.kernels.dns import OPTION, DnsSection, find_options
from netlake.kernels.dns_text import Type
from netlake.layers.read import addresses, column_type, fill, mark, plain
from netlake.packets import Columns, Ints, Messages, Nullable, Value
from netlake.protocols.dns.found import DnsRecords, Found, has_type
from netlake.protocols.dns.record_lists import RCODE_NAMES, lists, no_lists, spans
from netlake.schema import Table, faults

Mask = npt.NDArray[np.bool_]
Index = npt.NDArray[np.integer]

CLIENT_SUBNET = 8
# IANA address families of a client subnet: size of an address
FAMILIES = {1: 4, 2: 16}


def option_columns(table: Table, messages: Messages, batch: DnsRecords, header: Columns, whole: Mask) -> Columns:
    """Columns of the first OPT record of each message.

    `whole` marks the messages whose records were all read.
    """
    records = np.flatnonzero(has_type(batch.records, Type.OPT))
    every = batch.records.take(records)
    _mark_misplaced(messages, every)
    of, first = np.unique(every["message"], return_index=True)
    opt = every.take(first)
    has = np.zeros(len(messages), np.bool_)
    has[of] = True

    def spread(values: npt.NDArray[np.integer], dtype: type[np.generic]) -> Nullable:
        whole = np.zeros(len(messages), dtype)
        whole[of] = values
        return Nullable(whole, has)

    ttl = opt["ttl"]
    return {
        "edns_version": spread(ttl >> 16 & 255, np.int16),
        "edns_udp_size": spread(opt["klass"], np.int32),
        "dnssec_ok": spread(ttl >> 15 & 1, np.bool_),
        **_rcodes(header, of, ttl >> 24, has | whole),
        **_options(table, messages, of, opt),
    }


def _mark_misplaced(messages: Messages, opt: Found) -> None:
    """Set the fault of messages whose OPT record is repeated or not in its place (RFC 6891 section 6.1.1)."""
    of = opt["message"]
    mark(messages, np.bincount(of, minlength=len(messages)) > 1, faults.BAD_OPTIONS)
    misplaced = (opt["section"] != DnsSection.ADDITIONAL.value) | (messages.data[opt["name"]] != 0)
    mark(messages, _among(of[misplaced], len(messages)), faults.BAD_OPTIONS)


def _rcodes(header: Columns, of: Index, high: Ints, known: Mask) -> Columns:
    """Response code with the upper eight bits of EDNS; null where it is not `known` whether the message has EDNS."""
    whole = plain(header["rcode"]).astype(np.int32)
    whole[of] |= high.astype(np.int32) << 4
    return {
        "extended_rcode": Nullable(whole, known),
        "rcode_name": RCODE_NAMES.of(whole, ~known),
    }


def _options(table: Table, messages: Messages, of: Index, opt: Found) -> Columns:
    data_type = column_type(table, "edns_options")
    data = opt["data"]
    options, broken = np.empty(int((data["end"] - data["start"]).sum()) // 4, OPTION), np.zeros(len(of), np.bool_)
    count = find_options(messages.data, data, options, broken)
    mark(messages, _among(of[broken], len(messages)), faults.BAD_OPTIONS)
    if not count:
        return {"edns_options": no_lists(data_type, len(messages))}
    options = options[:count]
    message = of[options["record"]]
    code = pa.array(options["code"].astype(np.int32))
    lengths = np.bincount(message, minlength=len(messages))
    return {
        "edns_options": lists(data_type, lengths, code, spans(messages.data, options["data"], pa.binary())),
        **_client_subnets(messages, message, options),
    }


def _among(index: Index, count: int) -> Mask:
    result = np.zeros(count, np.bool_)
    result[index] = True
    return result


def _client_subnets(messages: Messages, message: Ints, options: Found) -> Columns:
    """Columns of the first client subnet (RFC 7871) of each message."""
    subnets: dict[int, tuple[bytes, int, int]] = {}
    broken = np.zeros(len(messages), np.bool_)
    for option in np.flatnonzero(options["code"] == CLIENT_SUBNET).tolist():
        start, end = options["data"][option].item()
        data = messages.data[start:end].tobytes()
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
