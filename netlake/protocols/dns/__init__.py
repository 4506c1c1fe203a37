r"""Domain Name System: messages over UDP, mDNS and LLMNR included, and over TCP.

Decided here:
- One row per message, with its records in lists of structs. Common data of a record is in columns (address, target,
  preference, ...); all other fields of its type are in `fields`, by name. A column for each field of each type would be
  about forty columns in each of three lists, of which a row uses two or three.
- Names are text as sent (case kept), without the final dot, the root as "."; special and unprintable bytes are escaped
  as in zone files (RFC 1035 section 5.1, RFC 4343): \. for a dot within a label, \032 for a space. `data` has the
  format of `dig +nosplit`: names in it have their final dot.
- Data that does not fit its type is written as unknown data (RFC 3597) and the row gets a fault; the records after it
  are read. A message that ends early keeps its complete records.
- The port selects the protocol. mDNS uses the top bit of a class (`unicast_response`, `cache_flush`), LLMNR some flags
  of the header (`conflict`, `tentative`); columns of the other protocols are null.
- A message on other ports is recognized if it is plausible and whole (netlake.protocols.dns.content).
- OPT is in `additionals` with name and type only; the EDNS columns of the message have its contents.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from netlake.kernels.dns import HEADER
from netlake.kernels.numbers import IpProtocol
from netlake.layers.read import fixed, mark, mark_short, plain, where
from netlake.layers.streamed import NO, UNSURE, YES, Frame, Stream, Verdict
from netlake.packets import Columns, Mask, Messages, Nullable
from netlake.protocols.dns import content, edns, record_lists, records
from netlake.protocols.dns.found import DnsRecords
from netlake.schema import Column, List, Message, Struct, Table, faults

DNS_PORT = 53
MDNS_PORT = 5353
LLMNR_PORT = 5355
# bytes of the length before a message in a stream; the last operation that is assigned (DSO); questions in one message
LENGTH, LAST_OPERATION, MOST_QUESTIONS = 2, 6, 16

QUESTION = Struct(
    (
        Column("name", "text", "QNAME as sent; null if malformed.", wireshark="dns.qry.name"),
        Column("type", "u16", "QTYPE, by IANA.", wireshark="dns.qry.type"),
        Column("type_name", "word", "Mnemonic of `type`; TYPE123 for a number without one.", why="derived from type"),
        Column("class", "u16", "QCLASS: 1 IN, 3 CHAOS, 4 HESIOD, 254 NONE, 255 ANY.", wireshark="dns.qry.class"),
        Column("unicast_response", "bool", "mDNS: a unicast response is requested; null in DNS and LLMNR.",
               wireshark="dns.qry.qu"),
    )
)  # fmt: skip
FIELD = Struct(
    (
        Column("name", "word", "Name of the field in the RFC of the record type.", why="tshark has one field for each"),
        Column("number", "i64", "Value of a number or code; null for text.", why="tshark has one field for each"),
        Column("text", "text", "Value of a text, or mnemonic of a code.", why="tshark has one field for each"),
    )
)
RECORD = Struct(
    (
        Column("name", "text", "Owner name as sent; null if malformed.", wireshark="dns.resp.name"),
        Column("type", "u16", "Record type, by IANA.", wireshark="dns.resp.type"),
        Column("type_name", "word", "Mnemonic of `type`; TYPE123 for a number without one.", why="derived from type"),
        Column("class", "u16", "Class, 1 is IN; null for OPT.", wireshark="dns.resp.class"),
        Column("cache_flush", "bool", "mDNS: cache-flush bit, the record replaces cached ones; null in DNS and LLMNR.",
               wireshark="dns.resp.cache_flush"),
        Column("ttl", "u32", "Time to live, seconds; null for OPT.", wireshark="dns.resp.ttl"),
        Column("data", "text", "RDATA in the format of dig; null for OPT and without RDATA.",
               why="tshark has no field in this format"),
        Column("address", "ip", "A, AAAA, L32, WKS: address.", why="two tshark fields: dns.a and dns.aaaa"),
        Column("target", "text", "CNAME, DNAME, MX, NAPTR, NS, PTR, SRV, SVCB and others: target name.",
               why="one tshark field per type"),
        Column("preference", "u16", "MX, SRV, SVCB, URI and others: preference or priority, lower is tried first.",
               why="one tshark field per type"),
        Column("weight", "u16", "SRV, URI: weight among records of the same priority.",
               why="one tshark field per type"),
        Column("port", "u16", "SRV: port of the service.", why="one tshark field per type"),
        Column("fields", List(FIELD), "Other fields of the record type, in wire order."),
    )
)  # fmt: skip
OPTION = Struct(
    (
        Column("code", "u16", "IANA number of the option.", wireshark="dns.opt.code"),
        Column("data", "bytes", "Data of the option.", wireshark="dns.opt.data"),
    )
)

TABLES = (
    Table(
        "dns",
        "One row for each message of DNS over UDP or TCP, mDNS or LLMNR.",
        spec="RFC 1035, RFC 2136, RFC 3597, RFC 4795, RFC 6762, RFC 6891, RFC 7871, RFC 9460",
        context="stream",
        on=("udp.port=53", "udp.port=5353", "udp.port=5355"),
        size=HEADER,
        layers=("dns", "mdns@5353", "llmnr@5355"),
        message=Message(
            "DNS [{response?}answer|query][ {query_type_name} {query_name}|{response?} {answers.name}]"
            "[{response?}[ {rcode_name?!NOERROR}{rcode_name}][ -> {answers.address}| -> {answers.data}]]",
            "names",
        ),
        columns=(
            Column("transport", "word", "Transport protocol: `udp` or `tcp`.", why="part of the stack"),
            Column("transaction_id", "u16", "Transaction ID: matches a response to its query.", at=0,
                   wireshark="dns.id"),
            Column("response", "bool", "True response, false query.", at=2, bits=(7, 1),
                   wireshark="dns.flags.response"),
            Column("opcode", "u8", "Opcode: 0 query, 1 inverse query, 2 status, 4 notify, 5 update, 6 stateful.", at=2,
                   bits=(3, 4), wireshark="dns.flags.opcode"),
            Column("authoritative", "bool", "AA flag: the server is authoritative for the name; null in LLMNR.", at=2,
                   bits=(2, 1), wireshark="dns.flags.authoritative"),
            Column("truncated", "bool", "TC flag: the message is truncated.", at=2, bits=(1, 1),
                   wireshark="dns.flags.truncated"),
            Column("recursion_desired", "bool", "RD flag: the client requests recursion; null in LLMNR.", at=2,
                   bits=(0, 1), wireshark="dns.flags.recdesired"),
            Column("recursion_available", "bool", "RA flag: the server supports recursion; null in LLMNR.", at=3,
                   bits=(7, 1), wireshark="dns.flags.recavail"),
            Column("z", "bool", "Reserved flag; null in LLMNR.", at=3, bits=(6, 1), wireshark="dns.flags.z"),
            Column("authentic_data", "bool", "AD flag: the server has verified the answer with DNSSEC; null in LLMNR.",
                   at=3, bits=(5, 1), wireshark="dns.flags.authenticated"),
            Column("checking_disabled", "bool",
                   "CD flag: the client accepts data not verified with DNSSEC; null in LLMNR.", at=3, bits=(4, 1),
                   wireshark="dns.flags.checkdisable"),
            Column("conflict", "bool", "LLMNR, C flag: the name is not unique; null in DNS and mDNS.", at=2,
                   bits=(2, 1), wireshark="dns.flags.conflict"),
            Column("tentative", "bool",
                   "LLMNR, T flag: uniqueness of the name is not yet verified; null in DNS and mDNS.", at=2,
                   bits=(0, 1), wireshark="dns.flags.tentative"),
            Column("rcode", "u8", "Response code of the header, 0 to 15.", at=3, bits=(0, 4),
                   wireshark="dns.flags.rcode"),
            Column("extended_rcode", "u16",
                   "Response code with the upper bits of EDNS, 0 to 4095; null if the records are not complete.",
                   why="combines dns.flags.rcode and dns.resp.ext_rcode", encoding="dictionary"),
            Column("rcode_name", "word", "Mnemonic of `extended_rcode`.", why="derived from extended_rcode"),
            Column("question_count", "u16", "QDCOUNT: questions according to the header.", at=4,
                   wireshark="dns.count.queries"),
            Column("answer_count", "u16", "ANCOUNT: answers according to the header.", at=6,
                   wireshark="dns.count.answers"),
            Column("authority_count", "u16", "NSCOUNT: authority records according to the header.", at=8,
                   wireshark="dns.count.auth_rr"),
            Column("additional_count", "u16", "ARCOUNT: additional records according to the header.", at=10,
                   wireshark="dns.count.add_rr"),
            Column("query_name", "text", "Name of the first question, as sent.", why="compared in questions"),
            Column("query_type", "u16", "Type of the first question.", why="compared in questions"),
            Column("query_type_name", "word", "Mnemonic of `query_type`.", why="derived from query_type"),
            Column("query_class", "u16", "Class of the first question.", why="compared in questions"),
            Column("questions", List(QUESTION), "Questions; in an update the zone."),
            Column("answers", List(RECORD), "Answers; in an update the prerequisites."),
            Column("authorities", List(RECORD), "Authority records; in an update the updates."),
            Column("additionals", List(RECORD), "Additional records."),
            Column("edns_version", "u8", "EDNS version; null without EDNS.", wireshark="dns.resp.edns0_version"),
            Column("edns_udp_size", "u16", "Maximum UDP payload of the sender, bytes; null without EDNS.",
                   wireshark="dns.rr.udp_payload_size"),
            Column("dnssec_ok", "bool", "DO flag: the client accepts DNSSEC records; null without EDNS.",
                   wireshark="dns.resp.z.do"),
            Column("edns_options", List(OPTION), "EDNS options in wire order."),
            Column("client_subnet", "ip", "EDNS Client Subnet: network address.",
                   why="two tshark fields, by IP version"),
            Column("client_subnet_prefix", "u8", "EDNS Client Subnet: source prefix length of `client_subnet`, bits.",
                   wireshark="dns.opt.client.netmask"),
            Column("client_subnet_scope", "u8", "EDNS Client Subnet: scope prefix length of the answer, bits.",
                   wireshark="dns.opt.client.scope"),
            Column("extra_length", "i32", "Bytes after the last record; null if the records are not complete.",
                   wireshark="dns.extraneous.length"),
            Column("heuristic", "bool", "Whether the message was recognized by its content and not by its port.",
                   why="defined by netlake"),
        ),
    ),
)  # fmt: skip

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


def probe(messages: Messages) -> Mask:
    """Payloads on other ports that are one whole message."""
    return content.complete(messages)


def _of_stream(data: bytes, _side: int) -> Verdict:
    """Whether a stream on a port of DNS begins with a message behind its length (RFC 1035 section 4.2.2).

    A header has an operation of 0 to 6 and a few questions; a stream of nothing that resembles it is not DNS.
    """
    if len(data) < LENGTH + HEADER:
        return UNSURE
    size, flags, questions = (int.from_bytes(data[at : at + 2], "big") for at in (0, 4, 6))
    return YES if size >= HEADER and flags >> 11 & 15 <= LAST_OPERATION and questions <= MOST_QUESTIONS else NO


STREAMS = (
    Stream(
        "dns",
        _of_stream,
        ("dns",),
        ports=(DNS_PORT, MDNS_PORT, LLMNR_PORT),
        frame=Frame(at=0, size=LENGTH, add=LENGTH, most=65537, skip=LENGTH),
    ),
)


def read(messages: Messages) -> Columns:
    """Columns of `messages`."""
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
    batch = records.find(messages, counts)
    _mark(messages, batch)
    result["transport"] = TRANSPORTS.take(pa.array(messages.hint == IpProtocol.TCP.value).cast(pa.int8()))
    result.update(record_lists.questions(table, batch, mdns))
    result.update(record_lists.sections(table, batch, mdns))
    complete = whole & (batch.found["fault"] == 0)
    result.update(edns.option_columns(table, messages, batch, result, complete))
    extra = messages.end + messages.missing - batch.found["end"]
    result["extra_length"] = Nullable(extra.astype(np.int32), complete)
    result["heuristic"] = ~(mdns | llmnr | (source == DNS_PORT) | (destination == DNS_PORT) | (source < 0))
    return result


def _mark(messages: Messages, batch: DnsRecords) -> None:
    """Set the faults in wire order: those of names and data come before that of the end."""
    first = records.first_faults(batch, len(messages))
    messages.fault = np.where(messages.fault == 0, first, messages.fault)
    stopped = batch.found["fault"]
    mark(messages, stopped == faults.BAD_NAME, faults.BAD_NAME)
    mark_short(messages, stopped == faults.SHORT_HEADER)
    mark_short(messages, stopped == faults.BAD_LENGTH, faults.BAD_LENGTH)
