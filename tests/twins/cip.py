"""CIP in EtherNet/IP: rows that have a service; a message without CIP has none.

Only the selection of rows is columnar; each message is read by the same parser here.
"""

from __future__ import annotations

from netlake import tables
from netlake.protocols.enip import cip
from tests.twins import parsed
from tests.twins.message import Message, Row


def rows(message: Message) -> list[Row]:
    """The rows of one EtherNet/IP message."""
    return [row for row in parsed.run(tables.table("cip"), cip.each, message) if "service" in row]
