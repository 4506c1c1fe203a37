"""`cic`: the features of CICFlowMeter by their names, with the corrected definitions.

Names are those of the tool of 2024 by Engelen et al. Lengths are bytes of payload of the transport layer, header
lengths bytes of the transport header, times microseconds. What the tool writes as 0, -1, NaN or Infinity where a value
is undefined is null.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from netlake.features.definition import Derived, FeatureSet, Rows, Values, column
from netlake.features.identity import times
from netlake.features.sets import common
from netlake.features.sets.common import (
    BYTES,
    FLAG,
    NOT_TCP,
    PACKETS,
    PAYLOADS,
    SEQUENCES,
    TIME,
    US,
    ZERO,
    Statistics,
    above,
    both,
    endpoint,
    extreme,
    field,
    is_tcp,
    mean,
    of,
    only,
    rate,
    ratio,
    segment,
    timed,
)

HEADER = ("tcp.header_length",)
SIDES = ((0, "Fwd", "forward"), (1, "Bwd", "backward"))
NO_SIDE = "no packet in the {} direction"
USUAL = ("Mean", "Std", "Max", "Min")
ADDRESSES, PORTS = ("connection.orig_ip", "connection.resp_ip"), ("connection.orig_port", "connection.resp_port")
NO_PORTS = "the protocol has no ports"


def _flow_id(rows: Rows) -> pa.Array:
    parts = [endpoint("ip", source=True)(rows), endpoint("ip", source=False)(rows)]
    for source in (True, False):
        port = endpoint("port", source=source)(rows)
        parts.append(pc.fill_null(port, 0).cast(pa.string()))
    parts.append(pa.array(rows.segments["protocol"]).cast(pa.string()))
    return pc.binary_join_element_wise(*parts, "-")


def first_time(rows: Rows) -> Values:
    """The time of the first packet."""
    return times(rows.segments["first"], timed(rows))


def _tuple() -> Iterator[Derived]:
    doc = "Source, destination, their ports (0 if there are none) and protocol, joined by hyphens."
    yield column("Flow ID", "text", "", doc, _flow_id).leak("identity").reads(*ADDRESSES, *PORTS)
    for name, source, verb in (("Src", True, "sends"), ("Dst", False, "receives")):
        yield (column(f"{name} IP", "text", "", f"Address that {verb} forward.", endpoint("ip", source=source))
               .leak("identity").reads(*ADDRESSES))  # fmt: skip
        yield (column(f"{name} Port", "i32", "", f"Port that {verb} forward.", endpoint("port", source=source))
               .null(NO_PORTS).leak("identity").reads(*PORTS))  # fmt: skip
    doc = "IANA number of the protocol in IP."
    yield column("Protocol", "i16", "", doc, segment("protocol")).reads("connection.protocol")
    yield (column("Timestamp", "ts", "", "Time of the first packet, UTC.", first_time)
           .null("no packet has a time").leak("time").reads(*TIME))  # fmt: skip


def _counts() -> Iterator[Derived]:
    doc = "Time from the first to the last packet."
    yield (column("Flow Duration", "i64", US, doc, only(common.duration, timed)).null("no packet has a time")
           .reads(*TIME))  # fmt: skip
    for name, word in (("Total Fwd Packet", "forward"), ("Total Bwd packets", "backward")):
        doc = f"Packets in the {word} direction."
        yield column(name, "i64", PACKETS, doc, segment(f"{word}_packets")).reads("packet.from_originator")
    for side, name, word in SIDES:
        doc = f"Payload in the {word} direction."
        value = field("payload", "total", side)
        yield column(f"Total Length of {name} Packet", "i64", BYTES, doc, value).reads(*PAYLOADS)


def _lengths() -> Iterator[Derived]:
    for side, name, word in SIDES:
        what = f"the payload of a packet in the {word} direction"
        made = Statistics(f"{name} Packet Length", BYTES, what, f"packets in the {word} direction", PAYLOADS)
        yield from made.columns(of("payload", side), ("Max", "Min", "Mean", "Std"))


def _times() -> Iterator[Derived]:
    total = both("payload")
    yield (column("Flow Bytes/s", "f64", "bytes/s", "Payload of both directions by duration.",
                  rate(lambda rows: total(rows)["total"])).null(ZERO).reads(*PAYLOADS, *TIME))  # fmt: skip
    doc = "Packets of both directions by duration."
    yield column("Flow Packets/s", "f64", "packets/s", doc, rate(common.packets)).null(ZERO).reads(*TIME)
    what = "the time between consecutive packets"
    yield from Statistics("Flow IAT", US, what, "gaps", TIME).columns(of("gap"), USUAL)
    for side, name, word in SIDES:
        gaps, source = f"gaps in the {word} direction", of("side_gap", side)
        doc = f"Time from the first to the last packet in the {word} direction."
        yield column(f"{name} IAT Total", "i64", US, doc, extreme(source, "total")).null(f"no {gaps}").reads(*TIME)
        made = Statistics(f"{name} IAT", US, f"{what} in the {word} direction", gaps, TIME)
        yield from made.columns(source, USUAL)


def _flags_of_sides() -> Iterator[Derived]:
    for flag in ("PSH", "URG", "RST"):
        for side, name, word in SIDES:
            value = only(field("flags", flag.lower(), side), is_tcp)
            made = column(
                f"{name} {flag} Flags", "i32", PACKETS, f"Packets in the {word} direction with {flag}.", value
            )
            yield made.null(NOT_TCP).reads(*FLAG)


def _headers() -> Iterator[Derived]:
    for side, name, word in SIDES:
        doc = f"Transport headers in the {word} direction, summed."
        yield column(f"{name} Header Length", "i64", BYTES, doc, field("header", "headers", side)).reads(*HEADER)
    for _, name, word in SIDES:
        doc, value = f"Packets in the {word} direction by duration.", rate(segment(f"{word}_packets"))
        yield column(f"{name} Packets/s", "f64", "packets/s", doc, value).null(ZERO).reads(*TIME)


def flag_count(flag: str) -> common.Source:
    """Packets of both directions with a flag."""
    return lambda rows: rows["flags"][flag].sum(axis=1)


def _all_lengths() -> Iterator[Derived]:
    made = Statistics("Packet Length", BYTES, "the payload of a packet", "packets", PAYLOADS)
    yield from made.columns(both("payload"), ("Min", "Max", "Mean", "Std"))
    doc = "Variance of the sample (n - 1) of the payload of a packet."
    yield (column("Packet Length Variance", "f64", "bytes^2", doc, common.variance(both("payload")))
           .null("fewer than two packets").reads(*PAYLOADS))  # fmt: skip
    for flag in ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "CWR", "ECE"):
        value = only(flag_count(flag.lower()), is_tcp)
        yield column(f"{flag} Flag Count", "i32", PACKETS, f"Packets with {flag}.", value).null(NOT_TCP).reads(*FLAG)


def _averages() -> Iterator[Derived]:
    value = ratio(segment("backward_packets"), segment("forward_packets"))
    yield (column("Down/Up Ratio", "f64", "", "Packets backward by packets forward.", value)
           .null(NO_SIDE.format("forward")).reads("packet.from_originator"))  # fmt: skip
    doc = "Payload of both directions by packets."
    yield (column("Average Packet Size", "f64", BYTES, doc, mean(both("payload"))).null("no packets")
           .reads(*PAYLOADS))  # fmt: skip
    for side, name, word in SIDES:
        doc = f"Equal to {name} Packet Length Mean."
        yield (column(f"{name} Segment Size Avg", "f64", BYTES, doc, mean(of("payload", side)))
               .null(NO_SIDE.format(word)).reads(*PAYLOADS))  # fmt: skip


def _bulks() -> Iterator[Derived]:
    for side, name, word in SIDES:
        where = f"in the {word} direction"
        count, data = field("bulk", "bulks", side), field("bulk", "bulk_bytes", side)
        for label, unit, doc, value, null in (
            ("Bytes/Bulk Avg", BYTES, "Bytes of a bulk", ratio(data, count), "no bulk"),
            ("Packet/Bulk Avg", PACKETS, "Packets of a bulk", ratio(field("bulk", "bulk_packets", side), count),
             "no bulk"),
            ("Bulk Rate Avg", "bytes/s", "Bytes of bulks by their duration",
             ratio(data, field("bulk", "bulk_time", side), common.MICROSECOND), "no bulk that lasts"),
        ):  # fmt: skip
            made = column(f"{name} {label}", "f64", unit, f"{doc}, {where}.", value)
            yield made.null(f"{null} {where}").reads(*PAYLOADS, *TIME)


def _subflows() -> Iterator[Derived]:
    splits = field("period", "subflows")
    for side, name, word in SIDES:
        for label, unit, doc, value in (
            ("Packets", PACKETS, "Packets", segment(f"{word}_packets")),
            ("Bytes", BYTES, "Payload", field("payload", "total", side)),
        ):
            text = f"{doc} in the {word} direction by the number of gaps above 1 s."
            made = column(f"Subflow {name} {label}", "f64", unit, text, ratio(value, splits))
            yield made.null("no gap above 1 s").reads(*PAYLOADS, *TIME)


def _windows() -> Iterator[Derived]:
    first, later = field("header", "window_first", 0), field("header", "window_set", 1)
    doc = "Window, as sent, of the first packet forward."
    made = column("FWD Init Win Bytes", "i32", "", doc,
                  only(first, above(field("header", "packets", 0)), lambda rows: first(rows) >= 0))  # fmt: skip
    yield made.null("the first packet forward has no header of TCP").leak("environment").reads("tcp.window")
    doc = "First window above 0, as sent, of packets backward; 0 if there is none."
    made = column("Bwd Init Win Bytes", "i32", "", doc, only(later, above(field("header", "windows", 1))))
    yield made.null("no packet backward has a header of TCP").leak("environment").reads("tcp.window")
    for side, name, word in SIDES:
        doc, value = f"Packets in the {word} direction with payload.", field("header", "data_packets", side)
        yield column(f"{name} Act Data Pkts", "i32", PACKETS, doc, value).reads(*PAYLOADS)
    for side, name, word in SIDES:
        least = only(field("header", "low", side), above(field("header", "packets", side)))
        made = column(f"{name} Seg Size Min", "i32", BYTES, f"Minimum transport header in the {word} direction.", least)
        yield made.null(NO_SIDE.format(word)).leak("environment").reads(*HEADER)


def _periods() -> Iterator[Derived]:
    for side, (name, doc) in enumerate((
        ("Active", "a period without a gap above 5 s, the last one left out"), ("Idle", "a gap above 5 s"),
    )):  # fmt: skip
        yield from Statistics(name, US, doc, f"{name.lower()} periods", TIME).columns(of("activity", side), USUAL)


def _icmp(shift: int) -> common.Value:
    return lambda rows: ((rows.segments["icmp"] >> shift) & 255, rows.segments["icmp"] >= 0)


def _connection_time(rows: Rows) -> Values:
    valid = timed(rows) & np.isin(rows.segments["protocol"], (6, 17))
    return np.where(valid, rows.segments["last"] - rows.segments["dialogue"], 0), valid


def _later() -> Iterator[Derived]:
    """The columns that the corrected tool adds."""
    for name, shift in (("Code", 0), ("Type", 8)):
        made = column(f"ICMP {name}", "i16", "", f"{name} of the first packet.", _icmp(shift))
        yield made.null("the protocol is not ICMP").reads(f"icmpv4.{name.lower()}", f"icmpv6.{name.lower()}")
    doc = "Packets with payload, SYN or FIN whose first byte is before the end of those sent before, {}."
    for side, name, word in SIDES:
        value = only(field("sequence", "packets", side), is_tcp)
        made = column(f"{name} TCP Retrans. Count", "i64", PACKETS, doc.format(f"{word} direction"), value)
        yield made.null(NOT_TCP).reads(*SEQUENCES)
    both_sides = only(lambda rows: rows["sequence"]["packets"].sum(axis=1), is_tcp)
    made = column("Total TCP Retrans. Count", "i64", PACKETS, doc.format("both directions"), both_sides)
    yield made.null(NOT_TCP).reads(*SEQUENCES)
    doc = "Time from the first packet of the dialogue, over the timeouts that split it, to the last packet."
    made = column("Total Connection Flow Time", "i64", US, doc, _connection_time)
    yield made.null("the protocol is not TCP or UDP, or no packet has a time").reads(*TIME)


PARTS = (_tuple, _counts, _lengths, _times, _flags_of_sides, _headers, _all_lengths, _averages, _bulks, _subflows,
         _windows, _periods, _later)  # fmt: skip
ACCUMULATORS = (common.PAYLOAD, common.GAP, common.SIDE_GAP, common.FLAGS, common.PERIOD, common.ACTIVITY, common.BULK,
                common.HEADER, common.sequence("payload"))  # fmt: skip
SET = FeatureSet(
    "cic",
    "CICFlowMeter, corrected",
    "cic-fixed",
    tuple(made for part in PARTS for made in part()),
    ACCUMULATORS,
    references=(
        "A. H. Lashkari et al., Characterization of Tor Traffic using Time based Features, ICISSP 2017",
        "G. Engelen et al., Troubleshooting an Intrusion Detection Dataset: the CICIDS2017 Case Study, WTMC 2021",
        "L. Liu et al., Error Prevalence in NIDS datasets: A Case Study on CIC-IDS-2017 and CSE-CIC-IDS-2018, CNS 2022",
    ),
)
