"""STP, RSTP and MSTP (IEEE 802.1D clause 9, IEEE 802.1Q clause 14), and the VLAN that Cisco adds."""

from __future__ import annotations

from netlake import tables
from netlake.packets import Cursor, Short
from tests.twins.fixed import fixed
from tests.twins.message import Message, Row, address, mark, mark_short

# bytes of the common part, of the region in the length of MSTP, and of an instance
SIZE, REGION, INSTANCE = 35, 64, 16
# bits of the flags; those of RSTP only from version 2 on
FLAGS = {"topology_change": 0x01, "topology_change_ack": 0x80}
RAPID_FLAGS = {"proposal": 0x02, "learning": 0x10, "forwarding": 0x20, "agreement": 0x40}


def rows(message: Message) -> list[Row]:
    """The row of one BPDU."""
    row = fixed(tables.table("stp"), message)
    version, kind = row.get("version"), row.get("type")
    if version is None or kind is None or kind == 0x80:
        return [row]
    if kind not in (0, 2):
        mark(row, "bad_value")
        return [row]
    try:
        common(Cursor(message.data, 4), row, rapid=version >= 2)
        after_common(message, row, version)
    except Short:
        mark_short(row, message)
    return [row]


def common(cursor: Cursor, row: Row, *, rapid: bool) -> None:
    """Flags, root, sending bridge, port, and times in units of 1/256 s."""
    flags = row["flags"] = cursor.number(1)
    row.update({name: flags & bit > 0 for name, bit in (FLAGS | (RAPID_FLAGS if rapid else {})).items()})
    if rapid:
        row["port_role"] = flags >> 2 & 3
    bridge(cursor, row, "root")
    row["root_cost"] = cursor.number(4)
    bridge(cursor, row, "bridge")
    row["port"] = cursor.number(2)
    for name in ("message_age", "max_age", "hello_time", "forward_delay"):
        row[name] = cursor.number(2) / 256


def bridge(cursor: Cursor, row: Row, name: str) -> None:
    """A bridge identifier: priority in the upper four bits, extension, address."""
    identifier = cursor.number(2)
    row[f"{name}_priority"], row[f"{name}_extension"] = identifier & 0xF000, identifier & 0x0FFF
    row[f"{name}_mac"] = address(cursor.take(6))


def after_common(message: Message, row: Row, version: int) -> None:
    """What follows: a length of version 1, then MSTP, or the TLV of Cisco, of which both type and length must match."""
    cursor = Cursor(message.data, SIZE)
    left = message.length - SIZE
    if version >= 2 or left >= 7:
        cursor.skip(1)
        left -= 1
    if version >= 3 and left >= REGION:
        region(cursor, row)
    elif left >= 6 and cursor.number(2) == 0 and cursor.number(2) == 2:
        row["originating_vlan"] = cursor.number(2)


def region(cursor: Cursor, row: Row) -> None:
    """The region, and each instance that is complete."""
    size = cursor.number(2)
    cursor.skip(1)
    row["region_name"] = cursor.take(32).split(b"\0")[0].decode("utf-8", "replace")
    row["region_revision"] = cursor.number(2)
    row["region_digest"] = cursor.take(16)
    row["internal_cost"] = cursor.number(4)
    bridge(cursor, row, "sender")
    row["remaining_hops"], row["instances"] = cursor.number(1), []
    for _ in range((size - REGION) // INSTANCE):
        part = Cursor(cursor.take(INSTANCE))
        instance: Row = {"flags": part.number(1)}
        identifier = part.number(2)
        instance["root_priority"], instance["id"] = identifier & 0xF000, identifier & 0x0FFF
        instance["root_mac"], instance["cost"] = address(part.take(6)), part.number(4)
        for name in ("bridge_priority", "port_priority", "remaining_hops"):
            instance[name] = part.number(1)
        row["instances"].append(instance)
