"""The two ends of a TCP connection as tables: the letter that a segment adds to the history, and the states after it.

States are those of `netlake.kernels.flow_state.End`: what each end has shown so far. A segment is a number below
SEGMENTS here: its FIN, SYN, RST and ACK flags, and whether it has payload. The rules are at the head of
netlake.flows.tracker; the kernel only looks up.
"""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np

from netlake.flows import beginning
from netlake.kernels.flow_state import LETTER, MOVE, End, Letter, Records, Rules

FIN = 1
SYN = 2
RST = 4
ACK = 8
DATA = 16
SEGMENTS = 32


def letter(segment: int) -> tuple[str, int]:  # noqa: PLR0911 - a case for each letter
    """The letter of a segment, empty if it has none, and its bit of Letter."""
    control = segment & (FIN | SYN | RST)
    if control == SYN:
        return "H" if segment & ACK else "S", Letter.SYN
    if control == FIN:
        return "F", Letter.FIN
    if control == RST:
        return "R", Letter.RST
    if control & FIN and control & RST:
        return "I", Letter.INCONSISTENT
    if control:
        return "Q", Letter.MULTIPLE
    if segment & DATA:
        return "D", Letter.DATA
    return ("A", Letter.ACK) if segment & ACK else ("", 0)


def first(other: int, segment: int, *, is_originator: bool) -> tuple[int, int]:
    """States of the sender after its first segment, and of the other end."""
    state = End.INACTIVE
    if segment & SYN and is_originator:
        state = End.SYN_ACK_SENT if segment & ACK else End.ESTABLISHED if other == End.ESTABLISHED else End.SYN_SENT
    elif segment & SYN:
        state, other = End.ESTABLISHED, End.ESTABLISHED if other == End.SYN_SENT else other
    if segment & RST:
        return End.RESET, other
    if segment & FIN:
        return End.CLOSED, other
    if state != End.INACTIVE:
        return state, other
    if not is_originator and not segment & DATA and other == End.SYN_SENT:
        return End.INACTIVE, other  # some hosts acknowledge a SYN before they answer it
    return End.ESTABLISHED if segment & ACK and other == End.ESTABLISHED else End.PARTIAL, other


def late_syn(mine: int, other: int, segment: int, *, is_originator: bool) -> tuple[int, int]:
    """States of the sender after a SYN that was captured behind other segments of it, and of the other end."""
    if mine != End.PARTIAL or not segment & SYN or bool(segment & ACK) == is_originator:
        return mine, other
    if is_originator:
        return End.SYN_SENT if other <= End.PARTIAL else End.ESTABLISHED, other
    return End.ESTABLISHED, End.ESTABLISHED if other == End.SYN_SENT else other


def following(mine: int, other: int, segment: int, *, is_originator: bool) -> tuple[int, int]:
    """States of the sender and of the other end after a segment."""
    if mine == End.INACTIVE:
        return first(other, segment, is_originator=is_originator)
    if mine == End.CLOSED:
        return End.RESET_CLOSED if segment & RST and other != End.CLOSED else mine, other
    if mine >= End.RESET:
        return mine, other
    if segment & RST:
        return End.RESET, other
    if segment & FIN:
        # a FIN answers the other's FIN, whatever that sent after it
        return End.CLOSED, End.CLOSED if other == End.RESET_CLOSED and mine >= End.PARTIAL else other
    return late_syn(mine, other, segment, is_originator=is_originator)


@cache
def rules() -> Rules:
    """The tables as the kernels read them."""
    letters: Records = np.zeros(SEGMENTS, LETTER)
    moves: Records = np.zeros((len(End), len(End), SEGMENTS, 2), MOVE)
    for segment in range(SEGMENTS):
        text, bit = letter(segment)
        letters[segment] = ord(text or "\0"), bit
    for mine, other, segment, who in product(End, End, range(SEGMENTS), (False, True)):
        moves[mine, other, segment, int(who)] = following(mine, other, segment, is_originator=who)
    return Rules(letters, moves, *beginning.signs())


def conn_state(originator: int, responder: int, *, is_empty: bool) -> str:  # noqa: PLR0911 - a case for each word
    """Zeek's word for a connection from the last states of its ends; `is_empty`: neither sent payload."""
    begun = (End.SYN_SENT, End.SYN_ACK_SENT)
    silent, unheard = (state in (End.INACTIVE, End.PARTIAL) for state in (originator, responder))
    if responder >= End.RESET:
        if originator in begun or (originator >= End.RESET and is_empty):
            return "REJ"
        return "RSTRH" if silent else "RSTR"
    if originator >= End.RESET:
        return "RSTOS0" if unheard else "RSTO"
    if originator == End.CLOSED:
        return "SF" if responder == End.CLOSED else "SH" if unheard else "S2"
    if responder == End.CLOSED:
        return "SHR" if silent else "S3"
    if originator == End.SYN_SENT and responder == End.INACTIVE:
        return "S0"
    return "S1" if originator == responder == End.ESTABLISHED else "OTH"


@cache
def conn_states() -> list[str]:
    """`conn_state` by (originator * len(End) + responder) * 2 + is_empty."""
    ends = product(End, End, (False, True))
    return [conn_state(originator, responder, is_empty=is_empty) for originator, responder, is_empty in ends]
