"""Other names of the columns of `cic`: those of the data of 2017 and of 2018, and of Python ports of the tool."""

from __future__ import annotations

import re

from netlake.features.sets.cic_2017 import RENAMED

_OF_2017 = {new: old for old, new in RENAMED.items()}
# words of `cic` -> words of the data of 2018
_WORDS = (
    ("Total Length of Fwd Packet", "TotLen Fwd Pkts"), ("Total Length of Bwd Packet", "TotLen Bwd Pkts"),
    ("Total Fwd Packet", "Tot Fwd Pkts"), ("Total Bwd packets", "Tot Bwd Pkts"), ("IAT Total", "IAT Tot"),
    ("Packet Length Variance", "Pkt Len Var"), ("Packet Length", "Pkt Len"), ("Header Length", "Header Len"),
    ("CWR Flag Count", "CWE Flag Count"), ("Average Packet Size", "Pkt Size Avg"), ("Segment Size Avg", "Seg Size Avg"),
    ("Bytes/Bulk", "Byts/b"), ("Packet/Bulk", "Pkts/b"), ("Bulk Rate", "Blk Rate"), ("FWD Init Win Bytes",
    "Init Fwd Win Byts"), ("Bwd Init Win Bytes", "Init Bwd Win Byts"), ("Bytes", "Byts"), ("Packets", "Pkts"),
)  # fmt: skip
# columns that only the corrected tool has
_NEW = ("Fwd RST Flags", "Bwd RST Flags", "Bwd Act Data Pkts", "Bwd Seg Size Min", "ICMP Code", "ICMP Type",
        "Fwd TCP Retrans. Count", "Bwd TCP Retrans. Count", "Total TCP Retrans. Count",
        "Total Connection Flow Time")  # fmt: skip


def of_2017(name: str) -> str | None:
    """The name in the data of 2017, None if it has no such column."""
    return None if name in _NEW else _OF_2017.get(name, name)


def of_2018(name: str) -> str | None:
    """The name in the data of 2018, None if it has no such column."""
    if name in _NEW:
        return None
    for old, new in _WORDS:
        if old in name:
            name = name.replace(old, new)
            break
    if name.endswith("Flag Count") and not name.startswith("CWE"):
        name = name.removesuffix("ount") + "nt"
    return name


def of_python(name: str) -> str | None:
    """The name in Python ports of the tool, None if they have no such column."""
    found = of_2018(name)
    if found is None:
        return None
    return re.sub(r"[ /]", "_", found).lower().replace("cwe_flag", "cwr_flag")


def table(names: list[str]) -> list[tuple[str, str, str, str]]:
    """(name, in 2017, in 2018, in Python) of each column; empty where there is none."""
    return [(name, of_2017(name) or "", of_2018(name) or "", of_python(name) or "") for name in names]
