"""Community ID version 1, of addresses and ports that a statement gives; the column `community_id` has it already."""

from __future__ import annotations

import base64
import hashlib
import struct

from netlake.query.functions.addresses import parsed
from netlake.query.functions.declared import function
from netlake.schema.codes import ICMP_ANSWERS

_ICMP = {1: ICMP_ANSWERS[4], 58: ICMP_ANSWERS[6]}
_WITH_PORTS = {1, 6, 17, 58, 132}


@function(
    "VARCHAR",
    "community_id('128.232.110.120', 34855, '66.35.250.204', 80, 6) = '1:LQU9qZlK+B5F3KDmev6m5PMibrg='",
    src_ip="VARCHAR",
    src_port="BIGINT",
    dst_ip="VARCHAR",
    dst_port="BIGINT",
    protocol="BIGINT",
)
def community_id(src_ip: str, src_port: int, dst_ip: str, dst_port: int, protocol: int) -> str | None:
    """The Community ID (version 1, seed 0) of a flow; the ports of ICMP are its type and code; null if invalid."""
    source, target = parsed(src_ip), parsed(dst_ip)
    if source is None or target is None or source.version != target.version:
        return None
    if not (0 <= src_port <= 65535 and 0 <= dst_port <= 65535 and 0 <= protocol <= 255):
        return None
    one_way = False
    if protocol in _ICMP:
        answer = _ICMP[protocol].get(src_port)
        one_way = answer is None
        dst_port = dst_port if answer is None else answer
    first, second = (source.packed, src_port), (target.packed, dst_port)
    if second < first and not one_way:
        first, second = second, first
    data = struct.pack("!H", 0) + first[0] + second[0] + bytes([protocol, 0])
    if protocol in _WITH_PORTS:
        data += struct.pack("!HH", first[1], second[1])
    return "1:" + base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()


FUNCTIONS = (community_id,)
