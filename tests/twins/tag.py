"""Tags between the addresses of a frame and its EtherType: headers of fixed size whose last field is an EtherType.

It is one from 1536 on; a smaller number is the length of the payload (IEEE 802.3 section 3.2.6).
"""

from __future__ import annotations

from netlake import tables
from tests.twins.fixed import fixed
from tests.twins.message import Message, Row

# IEEE 802.1Q, IEEE 802.1BR, IEC 62439-3, IEEE 802.1Qbh
TABLES = ("dot1q", "e_tag", "hsr", "vn_tag")


def tag(table: str, message: Message) -> list[Row]:
    """The row of one tag of `table`."""
    row = fixed(tables.table(table), message)
    return [row | typed(row.pop("ethertype", None))]


def typed(last: int | None) -> Row:
    """The column of the last field of a tag, none for a tag that ends before it."""
    if last is None:
        return {}
    return {"ethertype" if last >= 1536 else "length": last}
