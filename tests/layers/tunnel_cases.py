"""Packets with tunnels and tags: each with its stack, why the walk stopped, and the number that was unknown."""

from __future__ import annotations

import struct

from netlake.kernels.walk_state import MOST_HEADERS
from tests.layers import build as b
from tests.layers.test_walk import INNER, NET


def over_udp(payload: bytes, port: int) -> bytes:
    return NET(b.ipv4(b.udp(payload, 1, port), 17))


INNER_6 = b.ipv6(b.udp(b"x", 1, 53), 17)
UDP_STACK = "ethernet:ipv4:udp"
DNS_STACK = "ipv4:udp:dns"
PPP = bytes.fromhex("ff030021") + INNER
UNKNOWN = "unknown_tunnel_payload"
# IPv4 in LLC; IPv4 with a wrong checksum, and with one that was not computed
IEEE_8023 = bytes.fromhex("aaaa03000000 0800") + INNER
WRONG, UNCHECKED = (INNER[:10] + checksum + INNER[12:] for checksum in (b"\x12\x34", b"\0\0"))


def eoip(frame: bytes) -> bytes:
    return struct.pack(">HHHH", 0x2001, 0x6400, len(frame), 7) + frame


def capwap(header: str, payload: bytes = b"") -> bytes:
    return over_udp(bytes.fromhex(header) + payload, 5247)


WIRELESS = f"{UDP_STACK}:capwap:dot11:llc:snap"
DTLS = bytes.fromhex("15 fefd 0000000000000000 0002 0100")

TUNNELS = {
    "MPLS": (NET(b.mpls(b.mpls(INNER), 3, bottom=False), 0x8847), f"ethernet:mpls:mpls:{DNS_STACK}", None, -1),
    "MPLS in IP": (NET(b.ipv4(b.mpls(INNER_6), 137)), "ethernet:ipv4:mpls:ipv6:udp:dns", None, -1),
    "MPLS in UDP": (over_udp(b.mpls(INNER), 6635), f"{UDP_STACK}:mpls:{DNS_STACK}", None, -1),
    "MPLS, an associated channel": (
        NET(b.mpls(bytes.fromhex("10000021") + INNER, 13), 0x8847), f"ethernet:mpls:{DNS_STACK}", None, -1,
    ),
    "MPLS, a pseudowire with a control word": (
        NET(b.mpls(bytes(4) + NET(INNER)), 0x8847), f"ethernet:mpls:ethernet:{DNS_STACK}", None, -1,
    ),
    "MPLS, a pseudowire without one": (
        NET(b.mpls(NET(INNER)), 0x8847), f"ethernet:mpls:ethernet:{DNS_STACK}", None, -1,
    ),
    "MPLS, something else": (NET(b.mpls(b"\x55" + bytes(20)), 0x8847), "ethernet:mpls", UNKNOWN, 5),
    "MPLS, too many labels": (
        NET(b.mpls(b"", bottom=False) * 50, 0x8847), "ethernet" + ":mpls" * (MOST_HEADERS - 1), "too_deep", -1,
    ),
    "MPLS, half a label": (NET(b"\0\0", 0x8847), "ethernet:mpls", "malformed", -1),
    "PPPoE, session": (NET(b.pppoe(b"\0\x21" + INNER), 0x8864), f"ethernet:pppoe:ppp:{DNS_STACK}", None, -1),
    "PPPoE, discovery": (NET(b.pppoe(bytes(4), code=9), 0x8863), "ethernet:pppoe", None, -1),
    "PPPoE, version 2": (NET(b"\x21" + bytes(9), 0x8864), "ethernet:pppoe", "malformed", -1),
    "L2TP": (over_udp(bytes.fromhex("0002 0001 0002") + PPP, 1701), f"{UDP_STACK}:l2tp:ppp:{DNS_STACK}", None, -1),
    "L2TP, length, numbers and offset": (
        over_udp(bytes.fromhex("4a02 0034 0001 0002 0000 0000 0002 0000") + PPP, 1701),
        f"{UDP_STACK}:l2tp:ppp:{DNS_STACK}", None, -1,
    ),
    "L2TP, control": (over_udp(bytes.fromhex("c802 000c 0001 0000 0000 0000"), 1701), f"{UDP_STACK}:l2tp", None, -1),
    "L2TP, length below the header's": (
        over_udp(bytes.fromhex("4002 0002 0001 0002") + PPP, 1701), f"{UDP_STACK}:l2tp", "malformed", -1,
    ),
    "L2TP, version 3 over UDP": (over_udp(bytes.fromhex("0003 0000 00000007") + PPP, 1701), f"{UDP_STACK}:l2tp",
                                 UNKNOWN, 0),
    "L2TP, version 3 over IP": (NET(b.ipv4(bytes.fromhex("00000007") + PPP, 115)), "ethernet:ipv4:l2tp", UNKNOWN, 0),
    "L2TP, control over IP": (NET(b.ipv4(bytes(20), 115)), "ethernet:ipv4:l2tp", None, -1),
    "L2F": (over_udp(bytes.fromhex("0001 0000 0000"), 1701), f"{UDP_STACK}:l2tp", "malformed", -1),
    "GTP-U": (over_udp(b.gtp(INNER), 2152), f"{UDP_STACK}:gtp_u:{DNS_STACK}", None, -1),
    "GTP-U, IPv6 behind two extensions": (
        over_udp(b.gtp(INNER_6, flags=0x34, optional=bytes.fromhex("00000085 01100985 01100900")), 2152),
        f"{UDP_STACK}:gtp_u:ipv6:udp:dns", None, -1,
    ),
    "GTP-U, Ethernet": (over_udp(b.gtp(NET(INNER)), 2152), f"{UDP_STACK}:gtp_u:ethernet:{DNS_STACK}", None, -1),
    "GTP-U, echo": (over_udp(b.gtp(bytes(4), kind=1), 2152), f"{UDP_STACK}:gtp_u", None, -1),
    "GTP-U, something else": (over_udp(b.gtp(b"\x55" * 9), 2152), f"{UDP_STACK}:gtp_u", UNKNOWN, 5),
    "GTP-U, an extension of no length": (
        over_udp(b.gtp(INNER, flags=0x34, optional=bytes.fromhex("00000085 00")), 2152), f"{UDP_STACK}:gtp_u",
        "malformed", -1,
    ),
    "GTP-U, version 2": (over_udp(b.gtp(INNER, flags=0x48), 2152), f"{UDP_STACK}:gtp_u", "malformed", -1),
    "ERSPAN without a header": (
        NET(b.ipv4(b.gre(NET(INNER), 0x88BE), 47)), f"ethernet:ipv4:gre:erspan:ethernet:{DNS_STACK}", None, -1,
    ),
    "ERSPAN, the second type": (
        NET(b.ipv4(bytes.fromhex("100088be 00000001 1001000500000000") + NET(INNER), 47)),
        f"ethernet:ipv4:gre:erspan:ethernet:{DNS_STACK}", None, -1,
    ),
    "ERSPAN, the third type with its optional header": (
        NET(b.ipv4(bytes.fromhex("100022eb 00000001 20010005 00000000 00000001") + bytes(8) + NET(INNER), 47)),
        f"ethernet:ipv4:gre:erspan:ethernet:{DNS_STACK}", None, -1,
    ),
    "ERSPAN, the third type with an IP packet": (
        NET(b.ipv4(bytes.fromhex("100022eb 00000001 20010005 00000000 00000800") + INNER, 47)),
        f"ethernet:ipv4:gre:erspan:{DNS_STACK}", None, -1,
    ),
    "ERSPAN, something else": (
        NET(b.ipv4(bytes.fromhex("100022eb 00000001 20010005 00000000 00001c00") + INNER, 47)),
        "ethernet:ipv4:gre:erspan", UNKNOWN, 7,
    ),
    "ERSPAN, unknown version": (
        NET(b.ipv4(bytes.fromhex("100088be 00000001 f000000000000000") + NET(INNER), 47)), "ethernet:ipv4:gre:erspan",
        "malformed", -1,
    ),
    "Teredo": (over_udp(INNER_6, 3544), f"{UDP_STACK}:teredo:ipv6:udp:dns", None, -1),
    "Teredo, authentication and origin": (
        over_udp(bytes.fromhex("00010001 ff 0102030405060708 00 0000 f227 3ffffdf8") + INNER_6, 3544),
        f"{UDP_STACK}:teredo:ipv6:udp:dns", None, -1,
    ),
    "Teredo, something else": (over_udp(b"\x11ello", 3544), f"{UDP_STACK}:teredo", "malformed", -1),
    "VXLAN that names its payload": (
        over_udp(bytes.fromhex("0c00000200000100") + INNER_6, 4790), f"{UDP_STACK}:vxlan:ipv6:udp:dns", None, -1,
    ),
    "VXLAN that names an unknown payload": (
        over_udp(bytes.fromhex("0c00000900000100") + INNER, 4790), f"{UDP_STACK}:vxlan", UNKNOWN, 9,
    ),
    "network service header": (
        NET(bytes.fromhex("0fc6 01 03 00000101") + bytes(16) + NET(INNER), 0x894F),
        f"ethernet:nsh:ethernet:{DNS_STACK}", None, -1,
    ),
    "network service header without a length": (NET(bytes(8), 0x894F), "ethernet:nsh", "malformed", -1),
    "PIM register": (NET(b.ipv4(bytes.fromhex("2100000000000000") + INNER, 103)), f"ethernet:ipv4:pim:{DNS_STACK}",
                     None, -1),
    "PIM register, cut behind its flags": (NET(b.ipv4(bytes.fromhex("2100000040000000"), 103)), "ethernet:ipv4:pim",
                                           None, -1),
    "PIM register, something else": (NET(b.ipv4(bytes.fromhex("210000000000000055"), 103)), "ethernet:ipv4:pim",
                                     UNKNOWN, 5),
    "PIM hello": (NET(b.ipv4(bytes.fromhex("2000000000010002000f"), 103)), "ethernet:ipv4:pim", None, -1),
    "provider backbone": (NET(bytes.fromhex("00000005") + NET(INNER), 0x88E7),
                          f"ethernet:ieee8021ah:ethernet:{DNS_STACK}", None, -1),
    "FabricPath": (NET(bytes.fromhex("0064") + NET(INNER), 0x8903), f"ethernet:fabric_path:ethernet:{DNS_STACK}",
                   None, -1),
    "FabricPath, cut behind its first byte": (NET(b"\0", 0x8903), "ethernet:fabric_path", "malformed", -1),
    "Cisco's metadata": (NET(bytes.fromhex("0101000100070800") + INNER, 0x8909),
                         f"ethernet:cisco_metadata:{DNS_STACK}", None, -1),
    "Cisco's metadata in GRE": (
        NET(b.ipv4(b.gre(bytes.fromhex("0800010100010007") + INNER, 0x8909), 47)),
        f"ethernet:ipv4:gre:cisco_metadata:{DNS_STACK}", None, -1,
    ),
    "GRE of a cache engine": (NET(b.ipv4(b.gre(bytes(4) + INNER, 0x883E), 47)), f"ethernet:ipv4:gre:{DNS_STACK}",
                              None, -1),
    "Ethernet in IP": (NET(b.ipv6(NET(INNER), 143), 0x86DD), f"ethernet:ipv6:ethernet:{DNS_STACK}", None, -1),
    "GRE in UDP": (over_udp(b.gre(INNER), 4754), f"{UDP_STACK}:gre:{DNS_STACK}", None, -1),
    "MPLS, a pseudowire without a control word whose address begins as IPv4": (
        NET(b.mpls(b"\x46" + NET(INNER)[1:]), 0x8847), f"ethernet:mpls:ethernet:{DNS_STACK}", None, -1,
    ),
    "MPLS, a pseudowire without a control word whose address begins with five": (
        NET(b.mpls(b"\x52" + NET(INNER)[1:]), 0x8847), f"ethernet:mpls:ethernet:{DNS_STACK}", None, -1,
    ),
    "MPLS, a pseudowire without a control word whose address begins as IPv6": (
        NET(b.mpls(b"\x62" + NET(INNER)[1:]), 0x8847), f"ethernet:mpls:ethernet:{DNS_STACK}", None, -1,
    ),
    "MPLS, a pseudowire without a control word that begins as an associated channel": (
        NET(b.mpls(b"\x12" + NET(INNER)[1:]), 0x8847), f"ethernet:mpls:ethernet:{DNS_STACK}", None, -1,
    ),
    "MPLS, a pseudowire without a control word, LLC": (
        NET(b.mpls(b"\x46" + NET(IEEE_8023, len(IEEE_8023))[1:]), 0x8847),
        f"ethernet:mpls:ethernet:llc:snap:{DNS_STACK}",
        None, -1,
    ),
    "MPLS, IPv4 with a wrong checksum": (NET(b.mpls(WRONG), 0x8847), f"ethernet:mpls:{DNS_STACK}", None, -1),
    "MPLS, IPv4 with a wrong checksum and length": (NET(b.mpls(WRONG + b"x"), 0x8847), "ethernet:mpls", UNKNOWN, 4),
    "MPLS, IPv4 without a checksum": (NET(b.mpls(UNCHECKED + b"x"), 0x8847), f"ethernet:mpls:{DNS_STACK}", None, -1),
    "MPLS, IPv4 with a wrong checksum behind the label of IPv4": (
        NET(b.mpls(WRONG, 0), 0x8847), f"ethernet:mpls:{DNS_STACK}", None, -1,
    ),
    "MPLS, IPv6 that ends before the frame": (
        NET(b.mpls(INNER_6 + bytes(3)), 0x8847), "ethernet:mpls:ipv6:udp:dns", None, -1,
    ),
    "GTP-U, Ethernet whose address begins as IPv4": (
        over_udp(b.gtp(b"\x4a" + NET(INNER)[1:]), 2152), f"{UDP_STACK}:gtp_u:ethernet:{DNS_STACK}", None, -1,
    ),
    "GRE of a cache engine, whose four bytes begin as IPv4": (
        NET(b.ipv4(b.gre(b"\x45\0\0\0" + INNER, 0x883E), 47)), f"ethernet:ipv4:gre:{DNS_STACK}", None, -1,
    ),
    "GRE of MikroTik": (
        NET(b.ipv4(eoip(NET(INNER)), 47)), f"ethernet:ipv4:gre:ethernet:{DNS_STACK}", None, -1,
    ),
    "GRE of MikroTik, keepalive": (NET(b.ipv4(eoip(b""), 47)), "ethernet:ipv4:gre", None, -1),
    "GRE of MikroTik without a key": (
        NET(b.ipv4(b.gre(NET(INNER), 0x6400), 47)), f"ethernet:ipv4:gre:ethernet:{DNS_STACK}", None, -1,
    ),
    "GRE of Aruba with IEEE 802.11": (
        NET(b.ipv4(b.gre(b.dot11(IEEE_8023), 0x8210, key=3), 47)),
        f"ethernet:ipv4:gre:dot11:llc:snap:{DNS_STACK}", None, -1,
    ),
    "GRE of Aruba with Ethernet": (
        NET(b.ipv4(b.gre(NET(INNER), 0x8200), 47)), f"ethernet:ipv4:gre:ethernet:{DNS_STACK}", None, -1,
    ),
    "VN-Tag": (NET(bytes.fromhex("00010002 0800") + INNER, 0x8926), f"ethernet:vn_tag:{DNS_STACK}", None, -1),
    "VN-Tag before a length": (
        NET(struct.pack(">IH", 0x10002, len(IEEE_8023)) + IEEE_8023, 0x8926), f"ethernet:vn_tag:llc:snap:{DNS_STACK}",
        None, -1,
    ),
    "VN-Tag, cut behind five bytes": (NET(bytes(5), 0x8926), "ethernet:vn_tag", "malformed", -1),
    "E-Tag": (NET(bytes.fromhex("000a1014 0000 0800") + INNER, 0x893F), f"ethernet:e_tag:{DNS_STACK}", None, -1),
    "E-Tag, cut behind seven bytes": (NET(bytes(7), 0x893F), "ethernet:e_tag", "malformed", -1),
    "time stamp tag of 48 bits": (
        NET(bytes.fromhex("123456789abc 0800") + INNER, 0x8988), f"ethernet:cisco_ttag:{DNS_STACK}", None, -1,
    ),
    "time stamp tag of 48 bits that end as IPv4's type": (
        NET(bytes.fromhex("123456780800 0800") + INNER, 0x8988), f"ethernet:cisco_ttag:{DNS_STACK}", None, -1,
    ),
    "time stamp tag of 32 bits": (
        NET(bytes.fromhex("12345678 86dd") + INNER_6, 0x8988), "ethernet:cisco_ttag:ipv6:udp:dns", None, -1,
    ),
    "time stamp tag of 48 bits in ERSPAN": (
        NET(b.ipv4(bytes.fromhex("100088be 00000001 1001000500000000")
            + NET(bytes(6) + b"\x08\0" + INNER, 0x8988), 47)),
        f"ethernet:ipv4:gre:erspan:ethernet:cisco_ttag:{DNS_STACK}", None, -1,
    ),
    "time stamp tag, cut behind seven bytes": (NET(bytes(7), 0x8988), "ethernet:cisco_ttag", "malformed", -1),
    "MACsec in clear": (
        NET(bytes.fromhex("2000 00000005 0200000000aa0001 0800") + INNER + bytes(16), 0x88E5),
        f"ethernet:macsec:{DNS_STACK}", None, -1,
    ),
    "MACsec in clear without a channel": (
        NET(bytes.fromhex("0000 00000005 0800") + INNER + bytes(16), 0x88E5), f"ethernet:macsec:{DNS_STACK}", None, -1,
    ),
    "MACsec, encrypted": (NET(bytes.fromhex("0c00 00000005") + bytes(40), 0x88E5), "ethernet:macsec", "encrypted", -1),
    "MACsec, changed": (NET(bytes.fromhex("0400 00000005") + bytes(40), 0x88E5), "ethernet:macsec", "encrypted", -1),
    "MACsec, version 1": (NET(b"\x80" + bytes(40), 0x88E5), "ethernet:macsec", "malformed", -1),
    "MACsec, cut behind its packet number": (NET(bytes(6), 0x88E5), "ethernet:macsec", "malformed", -1),
    "TZSP": (
        over_udp(bytes.fromhex("01000001 00 0a01c8 290200ff 01") + NET(INNER), 37008),
        f"{UDP_STACK}:tzsp:ethernet:{DNS_STACK}", None, -1,
    ),
    "TZSP with IEEE 802.11": (
        over_udp(bytes.fromhex("01000012 01") + b.dot11(IEEE_8023), 37008),
        f"{UDP_STACK}:tzsp:dot11:llc:snap:{DNS_STACK}",
        None, -1,
    ),
    "TZSP with radiotap": (
        over_udp(bytes.fromhex("0100007e 01") + b.radiotap(b.dot11(IEEE_8023), 0), 37008),
        f"{UDP_STACK}:tzsp:dot11:llc:snap:{DNS_STACK}", None, -1,
    ),
    "TZSP with IP": (
        over_udp(bytes.fromhex("01000007 01") + INNER, 37008), f"{UDP_STACK}:tzsp:raw:{DNS_STACK}", None, -1,
    ),
    "TZSP with PPP": (
        over_udp(bytes.fromhex("01000004 01") + PPP, 37008), f"{UDP_STACK}:tzsp:ppp:{DNS_STACK}", None, -1,
    ),
    "TZSP with something else": (
        over_udp(bytes.fromhex("01000063 01") + INNER, 37008), f"{UDP_STACK}:tzsp", UNKNOWN, 99,
    ),
    "TZSP, keepalive": (over_udp(bytes.fromhex("01040000"), 37008), f"{UDP_STACK}:tzsp", None, -1),
    "TZSP, fields without an end": (
        over_udp(bytes.fromhex("01000001 0aff"), 37008), f"{UDP_STACK}:tzsp", "malformed", -1,
    ),
    "TZSP, too many fields": (
        over_udp(bytes.fromhex("01000001") + bytes(70) + b"\1" + NET(INNER), 37008),
        f"{UDP_STACK}:tzsp", "malformed", -1,
    ),
    "TZSP, version 2": (over_udp(bytes.fromhex("02000001 01"), 37008), f"{UDP_STACK}:tzsp", "malformed", -1),
    "HP ERM": (over_udp(bytes(12) + NET(INNER), 7932), f"{UDP_STACK}:hp_erm:ethernet:{DNS_STACK}", None, -1),
    "HP ERM, cut behind eleven bytes": (over_udp(bytes(11), 7932), f"{UDP_STACK}:hp_erm", "malformed", -1),
    "HSR": (NET(bytes.fromhex("1040 0007 0800") + INNER, 0x892F), f"ethernet:hsr:{DNS_STACK}", None, -1),
    "HSR before a VLAN tag": (
        NET(bytes.fromhex("1040 0007 8100") + b.vlan(INNER), 0x892F), f"ethernet:hsr:dot1q:{DNS_STACK}", None, -1,
    ),
    "PRP": (NET(INNER + bytes.fromhex("0007") + struct.pack(">H", 0xA000 | len(INNER) + 6) + b"\x88\xfb"),
            f"ethernet:{DNS_STACK}", None, -1),
    "PRP in a VLAN": (
        NET(b.vlan(INNER) + bytes.fromhex("0007") + struct.pack(">H", 0xB000 | len(INNER) + 6) + b"\x88\xfb", 0x8100),
        f"ethernet:dot1q:{DNS_STACK}", None, -1,
    ),
    "PRP's suffix behind another size": (
        NET(INNER + bytes.fromhex("0007 a001 88fb")), f"ethernet:{DNS_STACK}", None, -1,
    ),
    "PRP's suffix in a short frame": (NET(b"\x88\xfb", 2), "ethernet:llc", "malformed", -1),
    "TRILL": (
        NET(bytes.fromhex("0803 1234 5678") + NET(INNER), 0x22F3), f"ethernet:trill:ethernet:{DNS_STACK}", None, -1,
    ),
    "TRILL with options": (
        NET(bytes.fromhex("0883 1234 5678") + bytes(8) + NET(INNER), 0x22F3),
        f"ethernet:trill:ethernet:{DNS_STACK}", None, -1,
    ),
    "TRILL, options longer than the frame": (
        NET(bytes.fromhex("0fc3 1234 5678"), 0x22F3), "ethernet:trill", "malformed", -1,
    ),
    "TRILL, version 1": (NET(bytes.fromhex("4803 1234 5678") + NET(INNER), 0x22F3), "ethernet:trill", "malformed", -1),
    "LISP": (over_udp(bytes.fromhex("88000001 00000700") + INNER, 4341), f"{UDP_STACK}:lisp:{DNS_STACK}", None, -1),
    "LISP with IPv6": (over_udp(bytes(8) + INNER_6, 4341), f"{UDP_STACK}:lisp:ipv6:udp:dns", None, -1),
    "LISP that names its payload": (
        over_udp(bytes.fromhex("0c000003 00000700") + NET(INNER), 4341),
        f"{UDP_STACK}:lisp:ethernet:{DNS_STACK}", None, -1,
    ),
    "LISP, something else": (over_udp(bytes(8) + b"\x55", 4341), f"{UDP_STACK}:lisp", UNKNOWN, 5),
    "LISP, cut behind seven bytes": (over_udp(bytes(7), 4341), f"{UDP_STACK}:lisp", "malformed", -1),
    "AYIYA": (
        over_udp(bytes.fromhex("41521129 5f000000") + bytes(36) + INNER_6, 5072),
        f"{UDP_STACK}:ayiya:ipv6:udp:dns", None, -1,
    ),
    "AYIYA with IPv4, echo": (
        over_udp(bytes.fromhex("00000304 5f000000 00") + INNER, 5072), f"{UDP_STACK}:ayiya:{DNS_STACK}", None, -1,
    ),
    "AYIYA, heartbeat": (over_udp(bytes.fromhex("0000003b 5f000000 00"), 5072), f"{UDP_STACK}:ayiya", None, -1),
    "AYIYA, something else": (
        over_udp(bytes.fromhex("00000106 5f000000 00 ff"), 5072), f"{UDP_STACK}:ayiya", UNKNOWN, 6,
    ),
    "AYIYA, identity longer than the datagram": (
        over_udp(bytes.fromhex("f0000129 5f000000") + INNER_6, 5072), f"{UDP_STACK}:ayiya", "malformed", -1,
    ),
    "CAPWAP": (capwap("00100300 00000000", b.dot11(IEEE_8023, sequence=0x70)), f"{WIRELESS}:{DNS_STACK}", None, -1),
    "CAPWAP, wireless information": (
        capwap("00200320 00000000 04bf2300 00000000", b.dot11(IEEE_8023)), f"{WIRELESS}:{DNS_STACK}", None, -1,
    ),
    "CAPWAP, frame control and sequence in the other order": (
        capwap("00100300 00000000", b.dot11(IEEE_8023, 0x01, 0x08, sequence=0x1001)), f"{WIRELESS}:{DNS_STACK}",
        None, -1,
    ),
    "CAPWAP, a fragment in the other order": (
        capwap("00100300 00000000", b.dot11(IEEE_8023, 0x01, 0x08, sequence=0x0110)),
        f"{UDP_STACK}:capwap:dot11", "fragment", -1,
    ),
    "CAPWAP, a beacon": (
        capwap("00100300 00000000", b.dot11(bytes(12), 0x80, 0)), f"{UDP_STACK}:capwap:dot11", "unknown_link_type", 0,
    ),
    "CAPWAP, a beacon in the other order": (
        capwap("00100300 00000000", b.dot11(bytes(12), 0, 0x80)), f"{UDP_STACK}:capwap:dot11", "unknown_link_type", 0,
    ),
    "CAPWAP, a repeated request in the other order": (
        capwap("00100300 00000000", b.dot11(bytes(12), 8, 0)), f"{UDP_STACK}:capwap:dot11", "unknown_link_type", 0,
    ),
    "CAPWAP, one byte of a frame": (capwap("00100300 00000000", b"\x08"), f"{UDP_STACK}:capwap:dot11", "malformed", -1),
    "CAPWAP, Ethernet": (capwap("00100200 00000000", NET(INNER)), f"{UDP_STACK}:capwap:ethernet:{DNS_STACK}", None, -1),
    "CAPWAP, another binding": (capwap("00100700 00000000", b"x"), f"{UDP_STACK}:capwap", UNKNOWN, 3),
    "CAPWAP, keep-alive": (capwap("00100208 00000000", bytes(4)), f"{UDP_STACK}:capwap", None, -1),
    "CAPWAP, control": (over_udp(bytes.fromhex("00100200 00000000") + bytes(8), 5246), f"{UDP_STACK}:capwap", None, -1),
    "CAPWAP, DTLS": (capwap("01000000", DTLS), f"{UDP_STACK}:capwap", UNKNOWN, 1),
    "CAPWAP, another type": (capwap("02000000", DTLS), f"{UDP_STACK}:capwap", UNKNOWN, 2),
    "CAPWAP, a fragment": (capwap("00100380 00010000", b"x"), f"{UDP_STACK}:capwap", "fragment", -1),
    "CAPWAP, version 1": (capwap("10100300 00000000", NET(INNER)), f"{UDP_STACK}:capwap", "malformed", -1),
    "CAPWAP, header of four bytes": (capwap("00080300", NET(INNER)), f"{UDP_STACK}:capwap", "malformed", -1),
    "CAPWAP, header longer than the datagram": (capwap("00180300 00000000"), f"{UDP_STACK}:capwap", "malformed", -1),
    "CAPWAP, cut behind three bytes": (capwap("001003"), f"{UDP_STACK}:capwap", "malformed", -1),
    "authentication header": (
        NET(b.ipv4(bytes.fromhex("11 01 0000 00000001 00000001") + b.udp(b"x", 1, 53), 51)),
        "ethernet:ipv4:ipsec_ah:udp:dns", None, -1,
    ),
}  # fmt: skip
