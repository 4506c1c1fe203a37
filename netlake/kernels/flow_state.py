"""Where the state of a conversation lies: a row for the whole of it, and one for each of its two directions.

Rows are 8-byte words, seen as int64 (`long`), float64 (`real`), int32 (`integer`) and bytes (`octet`) at once: what a
packet touches lies together on a few cache lines, and a field has the width that it needs. Columns of the whole come
first below, then those of a direction, whose names begin with MY_: its sender's, [row, end] in arrays of directions.
The two ends are 0 and 1 in the order of (address, port), so that both directions have one key; ORIGINATOR says which
began.
"""

from __future__ import annotations

# the whole: longs, the key first; FLOW is its number, 0 where the row is free, CLOCK the time at its last packet
WORDS = 20
A_HIGH, A_LOW, B_HIGH, B_LOW, PORTS, KEY, FLOW, CLOCK = range(8)
KEY_WORDS = 6

# behind the words of the key of a packet: its hash; which end sent it, and TTL << 1 (-1: there is no header to read)
K_CODE, K_SIDE, K_WORDS = range(6, 9)
LAST_PACKET, FIRST_TS, FIRST_PACKET, OUTER, QUOTES = range(11, 16)

# the whole: ints; codes of the addresses, the pool's generation in which they hold, place in the hash table
CODE_A, CODE_B, GENERATION, PLACE = range(16, 20)

# the whole: bytes; the history lies behind them
ORIGINATOR, ENDING, HAS_DATA, HISTORY_SIZE, HAS_ICMP, ICMP_TYPE, ICMP_CODE, RETIRED = range(80, 88)
HISTORY = 128
LONGEST_HISTORY = 32

# values of ENDING: why it ended (0: it has not)
FIN = 1
RST = 2
SHUTDOWN = 3
ABORT = 4
NEW_SYN = 5
TIMEOUT = 6
EVICTED = 7
END_OF_CAPTURE = 8

# a direction: longs, then reals (mean and sum of squared deviations)
MY_WORDS = 26
MY_PACKETS, MY_WIRE, MY_IP, MY_PAYLOAD, MY_LAST_TS, MY_LEAST_GAP, MY_GREATEST_GAP, MY_MISSED = range(8)
MY_MEAN_GAP, MY_SQUARED_GAP, MY_MEAN_LENGTH, MY_SQUARED_LENGTH = range(8, 12)

# a direction: ints; MY_FLAGS has one for each bit of the flag byte, MY_SEQS one for SYN, FIN and RST
MY_GAPS, MY_LEAST_LENGTH, MY_GREATEST_LENGTH = range(24, 27)
MY_FLAGS = 29
MY_NEXT, MY_HOLE_START, MY_HOLE_END = range(37, 40)
MY_RETRANSMITTED, MY_OUT_OF_ORDER, MY_LATE, MY_ZERO_WINDOWS, MY_HOLES = range(40, 45)
MY_FIRST_WINDOW, MY_LEAST_WINDOW, MY_GREATEST_WINDOW = range(45, 48)
MY_SEQS = 48

# a direction: bytes
MY_FIRST_TTL, MY_LEAST_TTL, MY_GREATEST_TTL, MY_STATE, MY_SCALE, MY_LETTERS, MY_HAS_NEXT, MY_HAS_HOLE = range(108, 116)

# values of MY_STATE: what an end of a TCP connection has shown; RESET_CLOSED: a FIN, then a RST
INACTIVE = 0
SYN_SENT = 1
SYN_ACK_SENT = 2
PARTIAL = 3
ESTABLISHED = 4
CLOSED = 5
RESET = 6
RESET_CLOSED = 7
STATES = 8

# values of MY_SCALE: no SYN seen, a SYN without the option, the shift + WITH_SCALE, or a SYN with the option that was
# answered but not seen
NO_SYN = 0
NO_SCALE = 1
WITH_SCALE = 2
OFFERED = 32

# bits of MY_LETTERS: the letters of the history that this direction has
LETTER_ACK = 1
LETTER_DATA = 2
LETTER_INCONSISTENT = 4
LETTER_MULTIPLE = 8
LETTER_SYN = 16
LETTER_FIN = 32
LETTER_RST = 64

# control: numbers that kernels and their caller share
NOW, SWEEP_AT, FLOWS, FREE, USED, LIVE, TOMBSTONES, ENDED_AT, ENDED, WHY, CONTROLS = range(11)

# values of WHY: what the caller must do before the kernel goes on
SWEEP = 1
MAKE_ROOM = 2
REBUILD = 3

# nanoseconds
SECOND = 1_000_000_000
TCP_SILENCE = 3600 * SECOND
TCP_SILENCE_WITHOUT_DATA = 300 * SECOND
SILENCE = 180 * SECOND
LINGER = 5 * SECOND
BETWEEN_SWEEPS = 60 * SECOND

ICMP = 1
TCP = 6
UDP = 17
ICMPV6 = 58
SCTP = 132
