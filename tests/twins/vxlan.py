"""VXLAN (RFC 7348) with group policy; on port 4790 the generic form, which has other flags."""

from __future__ import annotations

from netlake import tables
from tests.twins.fixed import fixed
from tests.twins.message import Message, Row

POLICY = {"policy_extension", "dont_learn", "policy_applied", "policy_id"}
GENERIC = {"version", "next_protocol_present", "oam", "next_protocol"}


def rows(message: Message) -> list[Row]:
    """The row of one header."""
    row = fixed(tables.table("vxlan"), message)
    others = POLICY if 4790 in message.ports else GENERIC
    return [{name: value for name, value in row.items() if name not in others}]
