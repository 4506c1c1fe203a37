"""Why rules matched nothing: one reason for each, the first that applies."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt

from netlake.label.join.opened import Opened
from netlake.label.join.report import Missed
from netlake.label.join.rules import place
from netlake.label.join.traffic import Traffic

_SIDES = (("a_side", "attacker"), ("v_side", "victim"))
# rules whose reason is reported; the others are counted
MOST = 50_000
_MISSED = """
SELECT r.*, c.capture IS NOT NULL AS has_capture, epoch_us(begin_ts) AS begin_us, epoch_us(end_ts) AS end_us
FROM rule r LEFT JOIN captured c ON c.capture = r.capture WHERE r.id IN (SELECT id FROM missing) ORDER BY r.id
"""


def missed(
    lake: Opened, found: npt.NDArray[np.int64], present: Collection[int], traffic: Traffic
) -> list[Missed]:  # fmt: skip
    """The rules that matched nothing; `found` is the number of matches of each, `present` the sides with hosts."""
    ids = np.flatnonzero(found == 0)[:MOST]
    lake.sql.execute("CREATE OR REPLACE TABLE missing (id INTEGER)")
    lake.sql.execute("INSERT INTO missing SELECT unnest($1::INTEGER[])", [ids.tolist()])
    lake.sql.execute("CREATE OR REPLACE TABLE captured (capture VARCHAR)")
    known = [one.facts.capture for one in lake.captures()]
    lake.sql.execute("INSERT INTO captured SELECT unnest($1::VARCHAR[])", [known])
    cursor = lake.sql.execute(_MISSED)
    names = [column[0] for column in cursor.description or ()]
    result = []
    for row in cursor.fetchall():
        rule = dict(zip(names, row, strict=True))
        reason, sentence = _reason(rule, present, traffic)
        where = place(rule["file"], rule["line"])
        result.append(Missed(rule["source"], rule["rule"], where, rule["label"], reason, sentence))
    return result


def _reason(rule: dict[str, Any], present: Collection[int], traffic: Traffic) -> tuple[str, str]:
    """(reason in few words, sentence)."""
    absent = [who for side, who in _SIDES if rule[side] is not None and rule[side] not in present]
    first: dict[tuple[str, str], bool] = {
        ("without a capture", f"it names packet {rule['packet']} but no capture, and the lake has several"):
            rule["number"] == "lost",
        ("of an unknown capture", f"the lake has no capture {rule['capture']}"):
            rule["capture"] is not None and not rule["has_capture"],
        ("of an unknown packet", f"the capture has no packet {rule['packet']}"): rule["shape"] == "none",
        (f"of an unknown {', '.join(absent)}", f"no address of the {' or '.join(absent)} occurs in the lake"):
            bool(absent),
        ("outside the time", "no flow overlaps its interval"): rule["shape"] == "any",
        ("not examined", "only part of so many rules is examined"):
            int(traffic.key[rule["id"]]) not in traffic.examined,
    }  # fmt: skip
    return next((reason for reason, holds in first.items() if holds), None) or _of_traffic(rule, traffic)


def _of_traffic(rule: dict[str, Any], traffic: Traffic) -> tuple[str, str]:
    """The reason for a rule whose hosts occur."""
    begin, end = (rule[name] if rule[name] is not None else 0 for name in ("begin_us", "end_us"))
    if rule["timeless"]:
        begin, end = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    distance = traffic.distance(rule["id"], begin, end)
    if distance is None and rule["community_id"] is not None:
        return "of an unknown Community ID", f"no flow has the Community ID {rule['community_id']}"
    if distance is None:
        return "of an unknown tuple", "its hosts occur, but have no flow with its ports and protocol between them"
    way = "after" if distance > 0 else "before"
    first: dict[tuple[str, str], bool] = {
        ("outside the time", f"the nearest flow of its hosts is {abs(distance):,.3f} s {way} its interval"):
            abs(distance) > rule["tolerance"] / 1e6,
        ("of another packet", f"packet {rule['packet']} has another tuple or direction"): rule["number"] == "exact",
        ("with a false condition", f"no flow in its interval fulfils {rule['condition']}"):
            rule["condition"] is not None,
        ("of an unknown ICMP type", f"no message in its interval has the ICMP type {rule['icmp_type']}"):
            rule["icmp_type"] is not None,
        ("in the other direction", "the flows in its interval have the other direction"): rule["need"] is not None,
        ("excluded by the mode", "flows overlap its interval, but the mode asks for more"): True,
    }  # fmt: skip
    return next(reason for reason, holds in first.items() if holds)
