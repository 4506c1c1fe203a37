"""`unsw`: the features of UNSW-NB15 by their names, as far as they can be defined.

Src is the forward direction. Bytes are those of IP packets by the length field of their headers. The published data
come from Argus and Zeek and are not defined exactly; docs/features.md names the differences. Counts (ct_*) are among
the last 100 rows of the capture in the order in which this set counts them: by block, then by last time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from netlake.features.definition import Accumulator, Array, Derived, FeatureSet, Rows, Values, column
from netlake.features.identity import times
from netlake.features.sets import common
from netlake.features.sets.common import TIME, Source, Value, endpoint, field, is_tcp, of, only, segment, timed
from netlake.kernels.feature_sequence import first_of_sides
from netlake.kernels.feature_unsw import HANDSHAKE, handshake, recent

LAST = 100
SIDES = ((0, "s", "S", "forward"), (1, "d", "D", "backward"))
LENGTHS, TTLS = ("ipv4.total_length", "ipv6.payload_length"), ("ipv4.ttl", "ipv6.hop_limit")
PROTOCOLS = {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 47: "gre", 50: "esp", 51: "ah", 58: "ipv6-icmp", 89: "ospf",
             103: "pim", 112: "vrrp", 132: "sctp"}  # fmt: skip
NO_SIDE = "no packet in the {} direction"
COUNTS = (
    ("ct_srv_src", "service and source", "service", "src"), ("ct_srv_dst", "service and destination", "service", "dst"),
    ("ct_dst_ltm", "destination", "dst"), ("ct_src_ltm", "source", "src"),
    ("ct_src_dport_ltm", "source and destination port", "src", "dport"),
    ("ct_dst_sport_ltm", "destination and source port", "dst", "sport"),
    ("ct_dst_src_ltm", "source and destination", "src", "dst"),
)  # fmt: skip

LENGTH = common.by_side("length", "ip_length")
TTL = Accumulator(
    "first_ttl", np.dtype(np.int64), 2,
    lambda block, records: first_of_sides(block["row"], block["direction"], block["ttl"], records["first_ttl"]),
    ("ttl",),
)  # fmt: skip
WINDOW = Accumulator(
    "first_window", np.dtype(np.int64), 2,
    lambda block, records: first_of_sides(block["row"], block["direction"], block["window"].astype(np.int64),
                                          records["first_window"]),
    ("window",),
)  # fmt: skip
SHAKE = Accumulator(
    "shake", HANDSHAKE, 0,
    lambda block, records: handshake(block["row"], block["direction"], block["time"], block["flags"],
                                     records["shake"]),
)  # fmt: skip


class Recent:
    """Counts of equal rows among the last 100 of a capture: records `recent`, a column for each of COUNTS."""

    def __init__(self) -> None:
        self._ring = np.full((LAST, len(COUNTS)), -1, np.int64)
        self._seen = np.zeros(1, np.int64)
        self._codes: dict[Any, int] = {}

    def follow(self, rows: Rows) -> None:
        """Add the records of `rows`."""
        made = {"src": endpoint("ip", source=True)(rows), "dst": endpoint("ip", source=False)(rows),
                "sport": endpoint("port", source=True)(rows), "dport": endpoint("port", source=False)(rows),
                "service": _service(rows)}  # fmt: skip
        parts = {name: self._coded(name, values) for name, values in made.items()}
        keys = np.empty((len(rows), len(COUNTS)), np.int64)
        for place, (_, _, *names) in enumerate(COUNTS):
            first, *second = (parts[name] for name in names)
            keys[:, place] = first << 32 | second[0] if second else first
        order = np.lexsort((rows.segments["first_packet"], rows.segments["last"]))
        counts = np.empty_like(keys)
        recent(np.ascontiguousarray(keys[order]), self._ring, self._seen, counts)
        found = np.empty_like(counts)
        found[order] = counts
        rows.records["recent"] = found

    def _coded(self, name: str, values: pa.Array) -> Array:
        """A number for each value, the same for equal values of all blocks."""
        coded = values.dictionary_encode()
        numbers = [
            self._codes.setdefault((name, value), len(self._codes) + 1) for value in coded.dictionary.to_pylist()
        ]
        table = np.array([0, *numbers], np.int64)
        result: Array = table[pc.fill_null(coded.indices, -1).to_numpy().astype(np.int64) + 1]
        return result


def _service(rows: Rows) -> pa.Array:
    return pc.list_element(_padded(rows.flows.column("service").combine_chunks()), 0)


def _padded(lists: pa.Array) -> pa.Array:
    """The lists, null where they are empty."""
    return pc.if_else(pc.greater(pc.list_value_length(lists), 0), lists, pa.scalar(None, lists.type))


def _protocol(rows: Rows) -> Values:
    numbers = pa.array(rows.segments["protocol"]).dictionary_encode()
    words = pa.array([PROTOCOLS.get(number, str(number)) for number in numbers.dictionary.to_pylist()], pa.string())
    return words.take(numbers.indices)


def _state(rows: Rows) -> Values:
    segments, flags = rows.segments, rows["flags"]
    rst, fin = flags["rst"].sum(axis=1) > 0, (flags["fin"] > 0).all(axis=1)
    answered = (segments["forward_packets"] > 0) & (segments["backward_packets"] > 0)
    tcp = segments["protocol"] == 6
    words = np.select([tcp & rst, tcp & fin, answered, tcp & (flags["syn"].sum(axis=1) > 0)],
                      ["RST", "FIN", "CON", "REQ"], "INT")  # fmt: skip
    return pa.array(words)


def _seconds(rows: Rows) -> Values:
    return rows.duration / common.MICROSECOND, timed(rows)


def _tuple() -> Iterator[Derived]:
    for prefix, part, source, verb in (("src", "s", True, "sends"), ("dst", "ds", False, "receives")):
        yield (column(f"{prefix}ip", "text", "", f"Address that {verb} forward.", endpoint("ip", source=source))
               .leak("identity").reads("connection.orig_ip", "connection.resp_ip"))  # fmt: skip
        made = column(f"{part}port", "i32", "", f"Port that {verb} forward.", endpoint("port", source=source))
        yield (made.null("no ports").leak("identity" if source else "none")
               .reads("connection.orig_port", "connection.resp_port"))  # fmt: skip
    yield column("proto", "text", "", "Name of the protocol in IP.", _protocol).reads("connection.protocol")
    doc = "RST; FIN of both sides; CON packets of both sides; REQ a SYN without answer; INT another without answer."
    yield column("state", "text", "", doc, _state).leak("outcome").reads("tcp.flags")
    yield (column("dur", "f64", "s", "Time from the first to the last packet.", _seconds).null("no packet has a time")
           .reads(*TIME))  # fmt: skip


def _first(name: str, side: int) -> Value:
    return lambda rows: (rows[name][:, side] - 1, rows[name][:, side] > 0)


def _basic() -> Iterator[Derived]:
    for side, name, _, word in SIDES:
        doc = f"Bytes of IP packets in the {word} direction."
        yield column(f"{name}bytes", "i64", "bytes", doc, field("length", "total", side)).reads(*LENGTHS)
    for side, name, _, word in SIDES:
        made = column(f"{name}ttl", "i16", "", f"TTL of the first packet in the {word} direction.",
                      _first("first_ttl", side))  # fmt: skip
        yield made.null(NO_SIDE.format(word)).leak("environment").reads(*TTLS)
    for side, name, _, word in SIDES:
        doc = f"Packets of TCP in the {word} direction that begin before the end of those sent before."
        made = column(f"{name}loss", "i64", "packets", doc, only(field("sequence", "packets", side), is_tcp))
        yield made.null(common.NOT_TCP).reads(*common.SEQUENCES)
    yield (column("service", "text", "", "Application protocol found in the connection.", _service)
           .null("none was found").reads("connection.service"))  # fmt: skip
    for side, _, name, word in SIDES:
        doc = f"Bits of IP packets in the {word} direction by the duration of the segment."
        made = column(f"{name}load", "f64", "bit/s", doc, common.rate(field("length", "total", side), 8e6))
        yield made.null(common.ZERO).reads(*LENGTHS, *TIME)
    for _, _, name, word in SIDES:
        made = column(f"{name}pkts", "i64", "packets", f"Packets in the {word} direction.", segment(f"{word}_packets"))
        yield made.reads("packet.from_originator")


def _tcp() -> Iterator[Derived]:
    for side, name, _, word in SIDES:
        doc = f"Window, as sent, of the first packet of TCP in the {word} direction."
        made = column(f"{name}win", "i32", "", doc, _first("first_window", side))
        yield made.null(f"{common.NOT_TCP}, or {NO_SIDE.format(word)}").leak("environment").reads("tcp.window")
    for side, name, _, word in SIDES:
        doc = f"Sequence number of the first packet of TCP in the {word} direction."
        value = only(field("sequence", "first", side), common.above(field("sequence", "opened", side)))
        made = column(f"{name}tcpb", "i64", "", doc, value)
        yield made.null(f"{common.NOT_TCP}, or {NO_SIDE.format(word)}").leak("environment").reads("tcp.seq")
    for side, name, _, word in SIDES:
        doc = f"Mean of the IP packets in the {word} direction."
        made = column(f"{name}meansz", "f64", "bytes", doc, common.mean(of("length", side)))
        yield made.null(NO_SIDE.format(word)).reads(*LENGTHS)
    for name, kind, doc, source in (
        ("trans_depth", "i32", "Depth of the transaction of HTTP.", "HTTP"),
        ("res_bdy_len", "i64", "Bytes of the response of HTTP.", "HTTP"),
    ):
        yield column(name, kind, "", f"{doc} Needs {source}.", _nothing).null("always")


def _nothing(rows: Rows) -> Values:
    return np.zeros(len(rows)), np.zeros(len(rows), bool)


def _times() -> Iterator[Derived]:
    for side, _, name, word in SIDES:
        gaps = of("side_gap", side)
        doc = f"Standard deviation (n - 1) of the time between packets in the {word} direction."
        made = column(f"{name}jit", "f64", "ms", doc, common.deviation(gaps, 1e-3))
        yield made.null(f"fewer than two gaps in the {word} direction").reads(*TIME)
    for name, which, doc in (("Stime", "first", "first"), ("Ltime", "last", "last")):
        made = column(name, "ts", "", f"Time of the {doc} packet.", _time(which))
        yield made.null("no packet has a time").leak("time").reads(*TIME)
    for side, _, name, word in SIDES:
        doc = f"Mean time between packets in the {word} direction."
        made = column(f"{name}intpkt", "f64", "ms", doc, common.mean(of("side_gap", side), 1e-3))
        yield made.null(f"no gap in the {word} direction").reads(*TIME)
    for name, begin, end, steps, doc in (
        ("tcprtt", "syn", "ack", 3, "SYN to ACK of the handshake: synack + ackdat."),
        ("synack", "syn", "syn_ack", 2, "SYN to SYN+ACK of the handshake."),
        ("ackdat", "syn_ack", "ack", 3, "SYN+ACK to ACK of the handshake."),
    ):
        made = column(name, "f64", "s", doc, _step(begin, end, steps))
        yield made.null("the segment has no such packets").reads("tcp.flags", *TIME)


def _time(which: str) -> Value:
    return lambda rows: times(rows.segments[which], timed(rows))


def _step(begin: str, end: str, steps: int) -> Value:
    def found(rows: Rows) -> Values:
        valid = (rows["shake"]["steps"] >= steps) & timed(rows)
        return np.where(valid, rows["shake"][end] - rows["shake"][begin], 0) / common.MICROSECOND, valid

    return found


def _same(rows: Rows) -> Values:
    flows = rows.flows
    ports = pc.equal(pc.fill_null(flows.column("orig_port"), 0), pc.fill_null(flows.column("resp_port"), 0))
    equal = pc.and_(pc.equal(flows.column("orig_ip"), flows.column("resp_ip")), ports)
    return equal.combine_chunks().cast(pa.int8())


def _count(place: int) -> Source:
    return lambda rows: rows["recent"][:, place]


def _general() -> Iterator[Derived]:
    doc = "1 if both addresses and both ports are equal, else 0."
    yield column("is_sm_ips_ports", "i8", "", doc, _same).reads("connection.orig_ip", "connection.resp_ip")
    for name, doc in (
        ("ct_state_ttl", "Count of states by ranges of TTL, which are not published."),
        ("ct_flw_http_mthd", "Requests of HTTP with a method. Needs HTTP."),
        ("is_ftp_login", "Whether FTP was used with a password. Needs FTP."),
        ("ct_ftp_cmd", "Commands of FTP. Needs FTP."),
    ):
        yield column(name, "i32", "", doc, _nothing).null("always")
    for place, (name, doc, *_) in enumerate(COUNTS):
        made = column(name, "i32", "rows", f"Rows among the last {LAST}, this one included, with the same {doc}.",
                      _count(place))  # fmt: skip
        yield made.leak("context").reads("connection.orig_ip", "connection.resp_ip", *TIME)


PARTS = (_tuple, _basic, _tcp, _times, _general)
SET = FeatureSet(
    "unsw",
    "UNSW-NB15",
    "netflow:active=1800,idle=60",
    tuple(made for part in PARTS for made in part()),
    (LENGTH, TTL, WINDOW, SHAKE, common.FLAGS, common.SIDE_GAP, common.sequence("ip_length")),
    references=("N. Moustafa, J. Slay, UNSW-NB15: a comprehensive data set for NIDS, MilCIS 2015",),
    flow_columns=("service",),
    context=Recent,
)
