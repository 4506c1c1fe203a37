r"""Domain Name System: messages over UDP, by multicast (mDNS, LLMNR), and those that lie whole in a TCP segment.

Decided here:
- One row a message, with its records as lists of structs. A record has what people ask for in columns (address,
  target, preference, ...) and everything else that its type defines in `fields`, by name: a column for every field of
  every type would be some forty columns in each of three lists, of which a row uses two or three.
- Names are text as sent (case kept), without the final dot, the root as "."; bytes that are special or not printable
  are escaped as in zone files (RFC 1035, 5.1; RFC 4343): \. for a dot within a label, \032 for a space. `data` is as
  `dig +nosplit` prints it: names in it have their final dot.
- Data that does not fit its type is kept as unknown data (RFC 3597) and the row is marked; other records are read on. A
  message that ends too soon keeps its whole records.
- mDNS takes the top bit of a class for itself (`unicast_response`, `cache_flush`), LLMNR some of the header's flags
  (`conflict`, `tentative`): the port tells which reading holds, and the columns of the others are null.
- OPT is listed among the additionals by name and type alone; what it says stands in the message's EDNS columns.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from netlake.kernels.dns import HEADER
from netlake.layers.read import fixed, mark, mark_short, plain, where
from netlake.packets import Columns, Messages, Nullable
from netlake.protocols.dns import columns, edns, records
from netlake.protocols.dns.found import Records
from netlake.protocols.dns.segments import TCP, unpacked
from netlake.schema import Column, List, Struct, Table, faults

MDNS_PORT = 5353
LLMNR_PORT = 5355

QUESTION = Struct(
    (
        Column("name", "text", "Name asked for, as sent; null if malformed.", wireshark="dns.qry.name"),
        Column("type", "u16", "Type asked for, IANA's number.", wireshark="dns.qry.type"),
        Column("type_name", "word", "Mnemonic of the type, TYPE123 where it has none.", why="a name for `type`"),
        Column("class", "u16", "Class asked for; 1 is the Internet.", wireshark="dns.qry.class"),
        Column(
            "unicast_response",
            "bool",
            "mDNS: a unicast answer is welcome; null elsewhere.",
            wireshark="dns.qry.qu",
        ),
    )
)
FIELD = Struct(
    (
        Column("name", "word", "What the field is called in the record type's RFC.", why="one list for all types"),
        Column("number", "i64", "Its value if it is a number or a code.", why="one list for all types"),
        Column("text", "text", "Its value if it is text, or the name of its code.", why="one list for all types"),
    )
)
RECORD = Struct(
    (
        Column("name", "text", "Owner, as sent; null if malformed.", wireshark="dns.resp.name"),
        Column("type", "u16", "Type, IANA's number.", wireshark="dns.resp.type"),
        Column("type_name", "word", "Mnemonic of the type, TYPE123 where it has none.", why="a name for `type`"),
        Column("class", "u16", "Class, 1 is the Internet; null for OPT.", wireshark="dns.resp.class"),
        Column(
            "cache_flush",
            "bool",
            "mDNS: the record replaces what is cached; null elsewhere.",
            wireshark="dns.resp.cache_flush",
        ),
        Column("ttl", "u32", "Seconds for which it may be cached; null for OPT.", wireshark="dns.resp.ttl"),
        Column(
            "data", "text", "Its data as dig prints it; null for OPT and without data.", why="tshark has no such field"
        ),
        Column("address", "ip", "A, AAAA, L32, WKS: the address.", why="dns.a and dns.aaaa are two fields"),
        Column(
            "target",
            "text",
            "CNAME, DNAME, MX, NAPTR, NS, PTR, SRV, SVCB and others: the name that it points to.",
            why="a field for each type",
        ),
        Column(
            "preference", "u16", "MX, SRV, SVCB, URI and others: lower is tried first.", why="a field for each type"
        ),
        Column("weight", "u16", "SRV, URI: share among equals.", why="a field for each type"),
        Column("port", "u16", "SRV: port of the service.", why="a field for each type"),
        Column(
            "fields", List(FIELD), "Everything else that its type defines, in wire order.", why="a field for each type"
        ),
    )
)
OPTION = Struct(
    (
        Column("code", "u16", "IANA's number of the option.", wireshark="dns.opt.code"),
        Column("data", "bytes", "Its data.", wireshark="dns.opt.data"),
    )
)

TABLES = (
    Table(
        "dns",
        "One row for each DNS message over UDP, mDNS or LLMNR, and for those that lie whole in a TCP segment.",
        spec="RFC 1035, RFC 2136, RFC 3597, RFC 4795, RFC 6762, RFC 6891, RFC 7871, RFC 9460",
        on=("udp.port=53", "udp.port=5353", "udp.port=5355", "tcp.port=53"),
        size=HEADER,
        columns=(
            Column("transport", "word", "`udp` or `tcp`.", why="in the stack"),
            Column("transaction_id", "u16", "Pairs a response with its query.", at=0, wireshark="dns.id"),
            Column("response", "bool", "A response, not a query.", at=2, bits=(7, 1), wireshark="dns.flags.response"),
            Column(
                "opcode",
                "u8",
                "0 query, 4 notify, 5 update, 0 to 15.",
                at=2,
                bits=(3, 4),
                wireshark="dns.flags.opcode",
            ),
            Column(
                "authoritative",
                "bool",
                "The answer is the authority's; null in LLMNR.",
                at=2,
                bits=(2, 1),
                wireshark="dns.flags.authoritative",
            ),
            Column(
                "truncated",
                "bool",
                "Not all of the answer fits.",
                at=2,
                bits=(1, 1),
                wireshark="dns.flags.truncated",
            ),
            Column(
                "recursion_desired",
                "bool",
                "The server is asked to follow the name; null in LLMNR.",
                at=2,
                bits=(0, 1),
                wireshark="dns.flags.recdesired",
            ),
            Column(
                "recursion_available",
                "bool",
                "The server follows names; null in LLMNR.",
                at=3,
                bits=(7, 1),
                wireshark="dns.flags.recavail",
            ),
            Column("z", "bool", "Reserved bit; null in LLMNR.", at=3, bits=(6, 1), wireshark="dns.flags.z"),
            Column(
                "authentic_data",
                "bool",
                "The server has verified the answer (DNSSEC); null in LLMNR.",
                at=3,
                bits=(5, 1),
                wireshark="dns.flags.authenticated",
            ),
            Column(
                "checking_disabled",
                "bool",
                "Answers that are not verified are welcome (DNSSEC); null in LLMNR.",
                at=3,
                bits=(4, 1),
                wireshark="dns.flags.checkdisable",
            ),
            Column(
                "conflict",
                "bool",
                "LLMNR: the name is not unique; null elsewhere.",
                at=2,
                bits=(2, 1),
                wireshark="dns.flags.conflict",
            ),
            Column(
                "tentative",
                "bool",
                "LLMNR: the name is not yet verified to be unique; null elsewhere.",
                at=2,
                bits=(0, 1),
                wireshark="dns.flags.tentative",
            ),
            Column(
                "rcode", "u8", "Response code of the header, 0 to 15.", at=3, bits=(0, 4), wireshark="dns.flags.rcode"
            ),
            Column(
                "extended_rcode",
                "u16",
                "Response code with the upper bits that EDNS adds, 0 to 4095; null where records are missing.",
                why="put together from dns.flags.rcode and dns.resp.ext_rcode",
                encoding="dictionary",
            ),
            Column("rcode_name", "word", "Mnemonic of `extended_rcode`.", why="a name for `extended_rcode`"),
            Column("question_count", "u16", "Questions that the header promises.", at=4, wireshark="dns.count.queries"),
            Column("answer_count", "u16", "Answers that the header promises.", at=6, wireshark="dns.count.answers"),
            Column(
                "authority_count",
                "u16",
                "Authority records that the header promises.",
                at=8,
                wireshark="dns.count.auth_rr",
            ),
            Column(
                "additional_count",
                "u16",
                "Additional records that the header promises.",
                at=10,
                wireshark="dns.count.add_rr",
            ),
            Column("query_name", "text", "Name of the first question, as sent.", why="compared in questions"),
            Column("query_type", "u16", "Type of the first question.", why="compared in questions"),
            Column("query_type_name", "word", "Mnemonic of `query_type`.", why="a name for `query_type`"),
            Column("query_class", "u16", "Class of the first question.", why="compared in questions"),
            Column("questions", List(QUESTION), "Questions (in an update: the zone).", why="compared in its fields"),
            Column("answers", List(RECORD), "Answers (in an update: prerequisites).", why="compared in its fields"),
            Column(
                "authorities", List(RECORD), "Authority records (in an update: updates).", why="compared in its fields"
            ),
            Column("additionals", List(RECORD), "Additional records.", why="compared in its fields"),
            Column("edns_version", "u8", "EDNS version; null without EDNS.", wireshark="dns.resp.edns0_version"),
            Column(
                "edns_udp_size",
                "u16",
                "Bytes that the sender takes over UDP; null without EDNS.",
                wireshark="dns.rr.udp_payload_size",
            ),
            Column("dnssec_ok", "bool", "DNSSEC records are welcome; null without EDNS.", wireshark="dns.resp.z.do"),
            Column("edns_options", List(OPTION), "EDNS options.", why="compared in its fields"),
            Column("client_subnet", "ip", "EDNS: network address of the client.", why="dns.opt.client.addr4 and addr6"),
            Column(
                "client_subnet_prefix",
                "u8",
                "EDNS: leading bits of `client_subnet` that are given.",
                wireshark="dns.opt.client.netmask",
            ),
            Column(
                "client_subnet_scope",
                "u8",
                "EDNS: leading bits for which the answer holds.",
                wireshark="dns.opt.client.scope",
            ),
            Column(
                "extra_length",
                "i32",
                "Bytes behind the last record; null where the records do not end well.",
                wireshark="dns.extraneous.length",
            ),
        ),
    ),
)

TRANSPORTS = pa.array(["udp", "tcp"])
COUNTS = ("question_count", "answer_count", "authority_count", "additional_count")
NOT_IN_LLMNR = (
    "authoritative",
    "recursion_desired",
    "recursion_available",
    "z",
    "authentic_data",
    "checking_disabled",
)


def read(messages: Messages) -> Columns | tuple[Messages, Columns]:
    """Columns of `messages`; where there are TCP segments among them, the messages too, one for each row."""
    tcp = messages.hint == TCP
    if not tcp.any():
        return _columns(messages)
    rows = unpacked(messages, tcp)
    return rows, _columns(rows)


def _columns(messages: Messages) -> Columns:
    table = TABLES[0]
    source, destination = messages.source_port, messages.destination_port
    mdns = (source == MDNS_PORT) | (destination == MDNS_PORT)
    llmnr = (source == LLMNR_PORT) | (destination == LLMNR_PORT)
    result = fixed(table, messages)
    for name in NOT_IN_LLMNR:
        result[name] = where(result[name], ~llmnr)
    for name in ("conflict", "tentative"):
        result[name] = where(result[name], llmnr)
    whole = messages.end - messages.start >= HEADER
    counts = np.ascontiguousarray([np.where(whole, plain(result[name]), 0) for name in COUNTS], np.int64)
    found = records.find(messages, counts)
    _mark(messages, found)
    result["transport"] = TRANSPORTS.take(pa.array(messages.hint == TCP).cast(pa.int8()))
    result.update(columns.questions(table, found, mdns))
    result.update(columns.sections(table, found, mdns))
    complete = whole & (found.found[3] == 0)
    result.update(edns.columns(table, messages, found, result, complete))
    extra = messages.end + messages.missing - found.found[2]
    result["extra_length"] = Nullable(extra.astype(np.int32), complete)
    return result


def _mark(messages: Messages, found: Records) -> None:
    """Set the faults: what is wrong with names and data first, for it comes before the end."""
    first = records.first_faults(found, len(messages))
    messages.fault = np.where(messages.fault == 0, first, messages.fault)
    stopped = found.found[3]
    mark(messages, stopped == faults.BAD_NAME, faults.BAD_NAME)
    mark_short(messages, stopped == faults.SHORT_HEADER)
    mark_short(messages, stopped == faults.BAD_LENGTH, faults.BAD_LENGTH)
