"""The table `address`: the addresses of the lake in a form that sorts, which makes searches for networks fast.

`WHERE src_ip IN (FROM net('10.0.0.0/8'))` reads a range of this table and compares texts in the others; parsing their
texts instead takes eight times as long. Rows are written in the same commit as the tables that use them. An address may
have several rows, of several captures or of one capture that was written in parts.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from netlake.layers.pools import Pool
from netlake.schema import Column, Table

TABLES = (
    Table(
        "address",
        "One row for each IP address that a flow of a capture has.",
        spec="RFC 5952",
        on=(),
        context="lake",
        key=("address",),
        columns=(
            Column("address", "ip", "The address as every table writes it.", why="our own", null=False),
            Column("family", "i16", "4 or 6.", why="our own", null=False),
            Column(
                "sortable",
                "bytes",
                "16 bytes in the order of addresses; IPv4 is written as ::ffff:0:0/96, so compare `family` too.",
                why="our own",
                null=False,
            ),
        ),
    ),
)


def rows(pool: Pool) -> pa.RecordBatch:
    """A row for every address that is in `pool` now."""
    codes = np.arange(len(pool), dtype=np.int32)
    columns = [
        pool.text(codes).cast(pa.string()),
        pa.array(pool.families(codes)),
        pool.sortable(codes).cast(pa.binary()),
    ]
    return pa.RecordBatch.from_arrays(columns, names=[column.name for column in TABLES[0].columns])
