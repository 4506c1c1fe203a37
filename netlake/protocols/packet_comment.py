"""Comments on packets that the capture contains. The pipeline writes the rows."""

from __future__ import annotations

from netlake.schema import Column, Message, Table

TABLES = (
    Table(
        "packet_comment",
        "One row for each comment on a packet; a packet may have several.",
        spec="draft-ietf-opsawg-pcapng",
        on=(),
        context="record",
        message=Message("comment: {comment}", "annotations"),
        columns=(Column("comment", "text", "Comment.", wireshark="frame.comment"),),
    ),
)
