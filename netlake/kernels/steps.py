"""Numbers that the walk's kernels and their Python side agree on: spaces of keys, steps, columns of its arrays."""

from __future__ import annotations

# spaces of dispatch keys; NOWHERE ends the walk of a packet
NOWHERE = 0
LINK_TYPE = 1
ETHER_TYPE = 2
LLC_DSAP = 3
SNAP_CISCO = 4
SNAP_NORTEL = 5
SNAP_BRIDGED = 6
PPP_PROTOCOL = 7
IP_PROTOCOL = 8
UDP_PORT = 9
TCP_PORT = 10
SCTP_PORT = 11
ICMPV4_TYPE = 12
ICMPV6_TYPE = 13
DOT11_TYPE = 14
SCTP_PAYLOAD_PROTOCOL = 15
# payloads of tunnels that nothing names but their first bits, or a number of the tunnel's own: no key leads on
TUNNEL_PAYLOAD = 16
CISCO_HDLC_PROTOCOL = 17

# steps: headers that are walked through
ETHERNET = 0
LINUX_SLL = 1
LINUX_SLL2 = 2
RAW = 3
NULL = 4
LOOP = 5
PPP = 6
DOT1Q = 7
LLC = 8
SNAP = 9
DOT11 = 10
FDDI = 11
NFLOG = 12
FRAME_RELAY = 13
CISCO_HDLC = 14
OTHER_LINK = 15
IPV4 = 16
IPV6 = 17
HOP_BY_HOP = 18
ROUTING = 19
DESTINATION = 20
FRAGMENT = 21
AUTHENTICATION = 22
# no step: the message of an IP header that another carries, beside the header itself
IP_IN_IP = 23
TCP = 32
UDP = 33
SCTP = 34
ICMPV4 = 35
ICMPV6 = 36
GRE = 48
VXLAN = 49
GENEVE = 50
MPLS = 51
PPPOE = 52
L2TP = 53
GTP_U = 54
ERSPAN = 55
TEREDO = 56
NSH = 57
PIM = 58
PBB = 59
CISCO_METADATA = 60
FABRIC_PATH = 61
# UDP payloads that no port claims: for those who know their protocol by its content
UNCLAIMED = 63
FIRST_LEAF = 64

# why the walk of a packet stopped; 0: it did not
STOPS = (
    None,
    "unknown_link_type",
    "unknown_ethertype",
    "unknown_llc",
    "unknown_snap",
    "unknown_ppp_protocol",
    "unknown_ip_protocol",
    "unknown_port",
    "fragment",
    "cut",
    "malformed",
    "too_deep",
    "unknown_tunnel_payload",
    "encrypted",
    "unknown_payload_protocol",
    "partial_message",
)
UNKNOWN_LINK_TYPE = 1
UNKNOWN_ETHERTYPE = 2
UNKNOWN_LLC = 3
UNKNOWN_SNAP = 4
UNKNOWN_PPP_PROTOCOL = 5
UNKNOWN_IP_PROTOCOL = 6
UNKNOWN_PORT = 7
STOP_FRAGMENT = 8
STOP_CUT = 9
STOP_MALFORMED = 10
STOP_TOO_DEEP = 11
UNKNOWN_TUNNEL_PAYLOAD = 12
STOP_ENCRYPTED = 13
UNKNOWN_PAYLOAD_PROTOCOL = 14
STOP_PARTIAL_MESSAGE = 15

# columns of the walk's message array
M_GROUP = 0
M_ROW = 1
M_START = 2
M_END = 3
M_MISSING = 4
M_FAULT = 5
M_HEADER = 6
M_HINT = 7
M_SOURCE = 8
M_DESTINATION = 9
M_WIDTH = 10

# columns of the walk's conversation array
C_ROW = 0
C_NETWORK = 1
C_VERSION = 2
C_PROTOCOL = 3
C_TRANSPORT = 4
C_END = 5
C_SRC_PORT = 6
C_DST_PORT = 7
C_PAYLOAD = 8
C_IP_LENGTH = 9
C_KEY = 10
C_OUTER = 11
C_KIND = 12
C_MAC = 13
C_WIDTH = 14

# columns of the walk's fragment array
F_ROW = 0
F_CONVERSATION = 1
F_NETWORK = 2  # offset of the IP header
F_HEADERS = 3  # offset of the fragment header (IPv6), or the end of the IP header (IPv4)
F_START = 4  # first byte of the fragment's data
F_END = 5
F_OFFSET = 6  # of the data in the datagram, bytes
F_MORE = 7
F_IDENTIFICATION = 8
F_PROTOCOL = 9
F_DEPTH = 10  # IP headers around this one
F_MISSING = 11
F_WIDTH = 12

# columns of the walk's array of one row a packet
P_STATE = 0
P_STOP_OFFSET = 1
P_STOP = 2
P_STOP_VALUE = 3
P_CONVERSATION = 4
P_WIDTH = 5

# a packet is not followed further than this many headers, of which so many IP headers
MOST_HEADERS = 40
MOST_NETWORK_HEADERS = 8

# a step's answer instead of a space of keys: the packet is done, and why was noted where there is a why
DONE = -1
# marks "what follows is LLC" among the values of ETHER_TYPE: no type is negative
AS_LLC = -1

# the state of the walk of one packet, and how far the arrays are filled
W_ROW = 0
W_AT = 1
W_END = 2  # behind what the capture kept
W_PROMISE = 3  # behind what the headers around it say that it has
W_KEY = 4
W_CARRIER = 5  # the conversation of the innermost IP header, -1 before one
W_DEPTH = 6  # IP headers so far
W_DATAGRAM = 7  # whether the next IP header is that of a reassembled datagram
W_STACK = 8
W_MESSAGES = 9
W_CONVERSATIONS = 10
W_FRAGMENTS = 11
W_LINK_TYPE = 12  # that of the header at hand if a capture or a header names it, else -1
W_SOURCE = 13  # ports of the transport header at hand, -1 without
W_DESTINATION = 14
W_MAC = 15  # offset of the source MAC address of the Ethernet header before the next IP header, -1 without
W_WIDTH = 16
