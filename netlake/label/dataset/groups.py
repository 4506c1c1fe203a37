"""Groups: rows that must not be in two splits, because one of them gives the others away.

- `flow`: the parts of one flow (of a chain of flows, if rows join the flows of the same endpoints).
- `host`: the rows of one originator.
- `attack`: an instance of an attack. A rule that is a time window is one instance; the other rules (alerts, tuples,
  packets) are one for each source, label and pair of hosts. Instances that share a row are one. Rows of no attack are
  grouped by capture and pair of hosts.

Working table: `work.grouped` (id, grp).
"""

from __future__ import annotations

from collections.abc import Iterable

from netlake.label.dataset.work import Work

PAIR = "least(k.host_a, k.host_b) || ' - ' || greatest(k.host_a, k.host_b)"
REST = f"k.capture || ' ' || coalesce({PAIR}, 'flow ' || k.chain, 'packet ' || k.first_packet)"


def group(work: Work, unit: str) -> None:
    """Create `work.grouped` for the unit flow, host or attack."""
    if unit == "attack":
        _attacks(work)
        return
    flow = "k.capture || ' ' || coalesce('flow ' || k.chain, 'packet ' || k.first_packet)"
    text = flow if unit == "flow" else f"coalesce(k.host_a, {flow})"
    work.run(f"CREATE TABLE work.grouped AS SELECT k.id, {text} AS grp FROM work.key k")


def _attacks(work: Work) -> None:
    work.run(
        "CREATE TABLE work.instance AS SELECT DISTINCT h.id,"
        " CASE WHEN t.kind = 'window' THEN h.source || ' rule ' || h.rule"
        f" ELSE h.source || ' ' || h.label || ' ' || ({REST}) END AS name"
        " FROM work.hit h JOIN work.key k USING (id) LEFT JOIN truth t ON t.source = h.source AND t.rule = h.rule"
        " WHERE h.state = 'attack'"
    )
    together = work.rows("SELECT DISTINCT list_sort(list(name)) AS names FROM work.instance GROUP BY id ORDER BY names")
    found = components(names for (names,) in together)
    work.run("CREATE TABLE work.component (name VARCHAR, grp VARCHAR)")
    if found:
        # one statement: a list of pairs as a parameter
        work.run(
            "INSERT INTO work.component SELECT pair[1], pair[2] FROM (SELECT unnest(?::VARCHAR[][]) AS pair)",
            ([list(pair) for pair in sorted(found.items())],),
        )
    work.run(
        "CREATE TABLE work.grouped AS WITH attack AS (SELECT id, min(grp) AS grp FROM work.instance JOIN work.component"
        f" USING (name) GROUP BY id) SELECT k.id, coalesce(a.grp, {REST}) AS grp FROM work.key k LEFT JOIN attack"
        " a USING (id)"
    )


def components(together: Iterable[list[str]]) -> dict[str, str]:
    """Name -> the least name that is connected with it; each list of `together` connects its names."""
    above: dict[str, str] = {}

    def root(name: str) -> str:
        path = []
        while above.setdefault(name, name) != name:
            path.append(name)
            name = above[name]
        for passed in path:
            above[passed] = name
        return name

    for names in together:
        least = min(root(name) for name in names)
        for name in names:
            above[root(name)] = least
    return {name: root(name) for name in above}
