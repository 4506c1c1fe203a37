"""Remarks that someone kept with packets in the capture. The pipeline fills it."""

from __future__ import annotations

from netlake.schema import Column, Table

TABLES = (
    Table(
        "packet_comment",
        "One row for each remark kept with a packet; a packet may have several.",
        spec="draft-ietf-opsawg-pcapng",
        on=(),
        context="record",
        columns=(Column("comment", "text", "The remark.", wireshark="frame.comment"),),
    ),
)
