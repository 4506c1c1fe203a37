"""TCP's two ends as a machine of tables: which letter a segment adds to the history, and which states follow.

States are those of `netlake.kernels.flow_state`: what each end has shown so far. A segment is known here by its FIN,
SYN, RST and ACK flags and by whether it has payload: a number below SEGMENTS. The rules stand at the head of
netlake.flows.tracker; the kernel only looks up.
"""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import numpy.typing as npt

from netlake.kernels import flow_state as s

FIN = 1
SYN = 2
RST = 4
ACK = 8
DATA = 16
SEGMENTS = 32


def letter(segment: int) -> tuple[str, int, int]:  # noqa: PLR0911 - a case for each letter
    """Letter of a segment, its bit, and the int that keeps its sequence number (0: it is written once only)."""
    control = segment & (FIN | SYN | RST)
    if control == SYN:
        return "H" if segment & ACK else "S", s.LETTER_SYN, s.MY_SEQS
    if control == FIN:
        return "F", s.LETTER_FIN, s.MY_SEQS + 1
    if control == RST:
        return "R", s.LETTER_RST, s.MY_SEQS + 2
    if control & FIN and control & RST:
        return "I", s.LETTER_INCONSISTENT, 0
    if control:
        return "Q", s.LETTER_MULTIPLE, 0
    if segment & DATA:
        return "D", s.LETTER_DATA, 0
    return ("A", s.LETTER_ACK, 0) if segment & ACK else ("", 0, 0)


def first(other: int, segment: int, *, is_originator: bool) -> tuple[int, int]:
    """States of the sender of its first segment and of the other end."""
    state = s.INACTIVE
    if segment & SYN and is_originator:
        state = s.SYN_ACK_SENT if segment & ACK else s.SYN_SENT
    elif segment & SYN:
        state, other = s.ESTABLISHED, s.ESTABLISHED if other == s.SYN_SENT else other
    if segment & RST:
        return s.RESET, other
    if segment & FIN:
        return s.CLOSED, other
    if state != s.INACTIVE:
        return state, other
    if not is_originator and not segment & DATA and other == s.SYN_SENT:
        return s.INACTIVE, other  # some acknowledge a SYN before they answer it
    return s.ESTABLISHED if segment & ACK and other == s.ESTABLISHED else s.PARTIAL, other


def following(mine: int, other: int, segment: int, *, is_originator: bool) -> tuple[int, int]:
    """States of the sender and the other end after a segment."""
    if mine == s.INACTIVE:
        return first(other, segment, is_originator=is_originator)
    if mine == s.CLOSED:
        return s.RESET_CLOSED if segment & RST and other != s.CLOSED else mine, other
    if mine >= s.RESET:
        return mine, other
    if segment & RST:
        return s.RESET, other
    if segment & FIN:
        # a FIN answers the other's FIN, whatever that sent after it
        return s.CLOSED, s.CLOSED if other == s.RESET_CLOSED and mine >= s.PARTIAL else other
    return mine, other


@cache
def letters() -> npt.NDArray[np.int32]:
    """Letter, bit << 8 and place of the sequence number << 16 by segment."""
    rows = [letter(segment) for segment in range(SEGMENTS)]
    return np.array([ord(text or "\0") | bit << 8 | place << 16 for text, bit, place in rows], np.int32)


@cache
def moves() -> npt.NDArray[np.uint8]:
    """States of sender and other end << 4, by ((sender's * STATES + other's) * SEGMENTS + segment) * 2 + who."""
    rows = product(range(s.STATES), range(s.STATES), range(SEGMENTS), (False, True))
    after = [following(mine, other, segment, is_originator=who) for mine, other, segment, who in rows]
    return np.array([mine | other << 4 for mine, other in after], np.uint8)


def conn_state(originator: int, responder: int, *, is_empty: bool) -> str:  # noqa: PLR0911 - a case for each word
    """Zeek's word for a connection from the last states of its ends; `is_empty`: neither sent payload."""
    begun = (s.SYN_SENT, s.SYN_ACK_SENT)
    silent, unheard = (state in (s.INACTIVE, s.PARTIAL) for state in (originator, responder))
    if responder >= s.RESET:
        if originator in begun or (originator >= s.RESET and is_empty):
            return "REJ"
        return "RSTRH" if silent else "RSTR"
    if originator >= s.RESET:
        return "RSTOS0" if unheard else "RSTO"
    if originator == s.CLOSED:
        return "SF" if responder == s.CLOSED else "SH" if unheard else "S2"
    if responder == s.CLOSED:
        return "SHR" if silent else "S3"
    if originator == s.SYN_SENT and responder == s.INACTIVE:
        return "S0"
    return "S1" if originator == responder == s.ESTABLISHED else "OTH"


@cache
def conn_states() -> list[str]:
    """`conn_state` by (originator * STATES + responder) * 2 + is_empty."""
    ends = product(range(s.STATES), range(s.STATES), (False, True))
    return [conn_state(originator, responder, is_empty=is_empty) for originator, responder, is_empty in ends]
