"""`netflow-v2` and `netflow-v3`: the NetFlow features of Sarhan et al. and Luay et al. by their names.

IN is the forward direction. Bytes are those of IP packets by the length field of their headers, times milliseconds.
Retransmissions are packets of TCP that begin before the end of what their direction sent. Features that nProbe takes
from its dissector (L7_PROTO) or from FTP are null; those of DNS are of the first message over UDP.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netlake.features.blocks import Block
from netlake.features.definition import Accumulator, Array, Derived, FeatureSet, Rows, Values, column
from netlake.features.sets import common
from netlake.features.sets.common import FLAG, NOT_TCP, TIME, Source, Value, both, endpoint, extreme, field, of, only
from netlake.kernels.feature_records import MOMENTS
from netlake.kernels.feature_sequence import first_value, histogram
from netlake.kernels.feature_statistics import by_direction, by_segment

MILLISECOND = 1000
BOUNDS = np.array([128, 256, 512, 1024, 1514])
LENGTHS, TTLS = ("ipv4.total_length", "ipv6.payload_length"), ("ipv4.ttl", "ipv6.hop_limit")
SIDES = ((0, "IN", "SRC_TO_DST", "CLIENT", "forward"), (1, "OUT", "DST_TO_SRC", "SERVER", "backward"))
NO_SIDE = "no packet in the {} direction"


def _window(block: Block) -> Array:
    return block["window"].astype(np.int64)


LENGTH = common.by_side("length", "ip_length")
TTL = Accumulator(
    "ttl", MOMENTS, 0, lambda block, records: by_segment(block["row"], block["ttl"], records["ttl"]), ("ttl",)
)
WINDOW = Accumulator(
    "window", MOMENTS, 2,
    lambda block, records: by_direction(block["row"], block["direction"], _window(block), records["window"]),
    ("window",),
)  # fmt: skip
BINS = Accumulator(
    "bins", np.dtype(np.int64), len(BOUNDS),
    lambda block, records: histogram(block["row"], block["ip_length"], BOUNDS, records["bins"]), ("ip_length",),
)  # fmt: skip


def _first(name: str) -> Accumulator:
    return Accumulator(
        name, np.dtype(np.int64), 0, lambda block, records: first_value(block["row"], block[name], records[name]),
        (name,),
    )  # fmt: skip


DNS = tuple(_first(name) for name in ("dns_id", "dns_type", "dns_ttl"))


def _found(name: str) -> Value:
    return lambda rows: (rows[name] - 1, rows[name] > 0)


def _nothing(rows: Rows) -> Values:
    return np.zeros(len(rows)), np.zeros(len(rows), bool)


def _milliseconds(first: str, last: str) -> Source:
    return lambda rows: (rows.segments[last] - rows.segments[first]) // MILLISECOND


def _sent(word: str) -> Source:
    return lambda rows: common.timed(rows) & (rows.segments[f"{word}_packets"] > 0)


def _by_duration(side: int, word: str, scale: float) -> Value:
    """Bytes of a direction by its duration, in units of 1 / `scale` a second."""
    return common.ratio(
        field("length", "total", side),
        lambda rows: np.where(
            _sent(word)(rows), rows.segments[f"{word}_last"] - rows.segments[f"{word}_first"], 0
        ),
        scale * common.MICROSECOND,
    )  # fmt: skip


def _union(side: int | None) -> Source:
    if side is None:
        return lambda rows: rows["flags"][:, 0]["union"] | rows["flags"][:, 1]["union"]
    return field("flags", "union", side)


def _tuple() -> Iterator[Derived]:
    for part, source, verb in (("SRC", True, "sends"), ("DST", False, "receives")):
        doc = f"Address that {verb} forward, of IPv4 or IPv6."
        yield (column(f"IPV4_{part}_ADDR", "text", "", doc, endpoint("ip", source=source)).leak("identity")
               .reads("connection.orig_ip", "connection.resp_ip"))  # fmt: skip
        doc = f"Port that {verb} forward."
        made = column(f"L4_{part}_PORT", "i32", "", doc, endpoint("port", source=source)).null("no ports")
        yield made.leak("identity" if source else "none").reads("connection.orig_port", "connection.resp_port")
    doc = "IANA number of the protocol in IP."
    yield column("PROTOCOL", "i16", "", doc, common.segment("protocol")).reads("connection.protocol")
    yield column("L7_PROTO", "f64", "", "Number of nDPI of the application protocol.", _nothing).null("always")


def _totals() -> Iterator[Derived]:
    for side, name, _, _, word in SIDES:
        doc = f"Bytes of IP packets in the {word} direction."
        yield column(f"{name}_BYTES", "i64", "bytes", doc, field("length", "total", side)).reads(*LENGTHS)
    for _, name, _, _, word in SIDES:
        doc = f"Packets in the {word} direction."
        made = column(f"{name}_PKTS", "i64", "packets", doc, common.segment(f"{word}_packets"))
        yield made.reads("packet.from_originator")
    unions = (("TCP_FLAGS", _union(None), "packets"), ("CLIENT_TCP_FLAGS", _union(0), "packets forward"),
              ("SERVER_TCP_FLAGS", _union(1), "packets backward"))  # fmt: skip
    for name, union, doc in unions:
        made = column(name, "i16", "", f"Flags of TCP of all {doc}, joined by OR.", only(union, common.is_tcp))
        yield made.null(NOT_TCP).reads(*FLAG)
    doc = "Time from the first to the last packet."
    yield (column("FLOW_DURATION_MILLISECONDS", "i64", "ms", doc, only(_milliseconds("first", "last"), common.timed))
           .null("no packet has a time").reads(*TIME))  # fmt: skip
    for _, name, _, _, word in SIDES:
        doc = f"Time from the first to the last packet in the {word} direction."
        value = only(_milliseconds(f"{word}_first", f"{word}_last"), _sent(word))
        yield column(f"DURATION_{name}", "i64", "ms", doc, value).null(NO_SIDE.format(word)).reads(*TIME)


def _extremes() -> Iterator[Derived]:
    for name, which, word in (("MIN", "low", "Minimum"), ("MAX", "high", "Maximum")):
        made = column(f"{name}_TTL", "i16", "", f"{word} TTL or hop limit.", extreme(of("ttl"), which))
        yield made.null("no header has one").leak("environment").reads(*TTLS)
    sizes = both("length")
    for name, which, word in (
        ("LONGEST_FLOW_PKT", "high", "Longest"), ("SHORTEST_FLOW_PKT", "low", "Shortest"),
        ("MIN_IP_PKT_LEN", "low", "Shortest"), ("MAX_IP_PKT_LEN", "high", "Longest"),
    ):  # fmt: skip
        yield (
            column(name, "i64", "bytes", f"{word} IP packet.", extreme(sizes, which)).null("no packet").reads(*LENGTHS)
        )


def _rates() -> Iterator[Derived]:
    for side, _, name, _, word in SIDES:
        doc = f"Bytes a second in the {word} direction, by its duration."
        made = column(f"{name}_SECOND_BYTES", "f64", "bytes/s", doc, _by_duration(side, word, 1))
        yield made.null(f"the {word} direction has duration 0").reads(*LENGTHS, *TIME)
    for side, name, _, _, word in SIDES:
        for label, kind, unit in (("BYTES", "bytes", "bytes"), ("PKTS", "packets", "packets")):
            doc = f"Retransmitted {unit} in the {word} direction."
            value = only(field("sequence", kind, side), common.is_tcp)
            made = column(f"RETRANSMITTED_{name}_{label}", "i64", unit, doc, value).null(NOT_TCP)
            yield made.reads(*common.SEQUENCES, *LENGTHS)
    for side, _, name, _, word in SIDES:
        doc = f"Bits a second in the {word} direction, by its duration."
        made = column(f"{name}_AVG_THROUGHPUT", "f64", "bit/s", doc, _by_duration(side, word, 8))
        yield made.null(f"the {word} direction has duration 0").reads(*LENGTHS, *TIME)


def _bin(place: int) -> Source:
    return lambda rows: rows["bins"][:, place]


def _sizes() -> Iterator[Derived]:
    for place, (low, high) in enumerate(zip((0, *BOUNDS[:-1].tolist()), BOUNDS.tolist(), strict=True)):
        name = f"NUM_PKTS_{low}_TO_{high}_BYTES" if low else f"NUM_PKTS_UP_TO_{high}_BYTES"
        doc = f"IP packets of more than {low} and at most {high} bytes."
        yield column(name, "i64", "packets", doc, _bin(place)).reads(*LENGTHS)
    for side, name, _, _, word in SIDES:
        doc = f"Maximum window, as sent, in the {word} direction."
        made = column(f"TCP_WIN_MAX_{name}", "i32", "", doc, extreme(of("window", side), "high"))
        yield made.null(f"{NOT_TCP}, or {NO_SIDE.format(word)}").leak("environment").reads("tcp.window")


def _icmp(shift: int) -> Value:
    return lambda rows: (rows.segments["icmp"] >> shift, rows.segments["icmp"] >= 0)


def _messages() -> Iterator[Derived]:
    for name, shift, doc in (
        ("ICMP_TYPE", 0, "256 * type + code of the first packet."), ("ICMP_IPV4_TYPE", 8, "Type of the first packet."),
    ):  # fmt: skip
        made = column(name, "i32", "", doc, _icmp(shift)).null("the protocol is not ICMP")
        yield made.reads("icmpv4.type", "icmpv4.code", "icmpv6.type", "icmpv6.code")
    no_dns = "there is no DNS over UDP"
    for name, source, doc, leak, read in (
        ("DNS_QUERY_ID", "dns_id", "Transaction ID of the first message of DNS.", "identity", "dns.transaction_id"),
        ("DNS_QUERY_TYPE", "dns_type", "Type of its first question.", "none", "dns.query_type"),
        ("DNS_TTL_ANSWER", "dns_ttl", "Least TTL of the first answers.", "none", "dns.answers"),
    ):
        yield column(name, "i64", "", doc, _found(source)).null(no_dns).leak(leak).reads(read)
    yield column("FTP_COMMAND_RET_CODE", "i32", "", "Return code of a command of FTP.", _nothing).null("always")


def _version_3() -> Iterator[Derived]:
    for name, field_name, doc in (("START", "first", "first"), ("END", "last", "last")):
        made = column(f"FLOW_{name}_MILLISECONDS", "i64", "ms", f"Time of the {doc} packet since 1970.",
                      only(_since(field_name), common.timed))  # fmt: skip
        yield made.null("no packet has a time").leak("time").reads(*TIME)
    for side, _, name, _, word in SIDES:
        gaps = of("side_gap", side)
        for label, doc, value in (
            ("MIN", "Minimum", _scaled(gaps, "low")), ("MAX", "Maximum", _scaled(gaps, "high")),
            ("AVG", "Mean", common.mean(gaps, 1e-3)), ("STDDEV", "Standard deviation (n - 1)",
                                                       common.deviation(gaps, 1e-3)),
        ):  # fmt: skip
            text = f"{doc} of the time between packets in the {word} direction."
            made = column(f"{name}_IAT_{label}", "f64", "ms", text, value)
            yield made.null(f"{'fewer than two gaps' if label == 'STDDEV' else 'no gap'}").reads(*TIME)


def _since(name: str) -> Source:
    return lambda rows: rows.segments[name] // MILLISECOND


def _scaled(gaps: Source, name: str) -> Value:
    return lambda rows: (gaps(rows)[name] / MILLISECOND, gaps(rows)["count"] > 0)


PARTS = (_tuple, _totals, _extremes, _rates, _sizes, _messages)
VERSION_2 = tuple(made for part in PARTS for made in part())
ACCUMULATORS = (LENGTH, TTL, WINDOW, BINS, common.FLAGS, common.sequence("ip_length"), *DNS)
SET = FeatureSet(
    "netflow-v2", "NetFlow version 2 of Sarhan et al.", "netflow:active=120,idle=30", VERSION_2, ACCUMULATORS,
    references=("M. Sarhan et al., Towards a Standard Feature Set for NIDS Datasets, MONET 2022",),
)  # fmt: skip
SET_3 = FeatureSet(
    "netflow-v3", "NetFlow version 3 of Luay et al.", SET.policy, (*VERSION_2, *_version_3()),
    (*ACCUMULATORS, common.SIDE_GAP),
    references=("M. Luay et al., Temporal Analysis of NetFlow Datasets for NIDS, arXiv 2503.04404, 2025",),
)  # fmt: skip
