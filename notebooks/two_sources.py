import marimo

app = marimo.App(app_title="Where two label sources disagree")

with app.setup:
    import csv
    import sys
    import tempfile
    from pathlib import Path

    import marimo as mo

    import netlake
    from netlake.label.join import Options, apply
    from netlake.label.join.compare import compare
    from netlake.label.join.coverage import coverage
    from netlake.label.join.explain import explain
    from netlake.label.truth import importing

    sys.path.insert(0, str(Path(__file__).parent))
    import shown
    import simulation


@app.cell
def _():
    mo.md("""
    # Where two label sources disagree

    The same hour of invented traffic as in `train.py`, with two sources of labels:

    - **exact**: the number of every attack packet, which the simulation knows;
    - **published**: a schedule with the faults of published ones: times of whole minutes, an attack that ended later than
      written, one that is missing, and a window without ports, which also contains other traffic of the attacker.

    The faults are planted, so each can be checked; their sizes say nothing about any published data set.
    """)
    return


@app.cell
def _():
    scratch = tempfile.TemporaryDirectory()
    folder = Path(scratch.name)
    capture, lake = folder / "office.pcap", folder / "lake"
    office = simulation.office(seed=1)
    simulation.write_capture(office, capture)

    with (folder / "exact.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("packet", "label"))
        writer.writerows((number, label) for number, (_, _, label) in enumerate(office.packets, 1) if label)

    faults = simulation.faulty(office.attacks)
    (folder / "published.yaml").write_text("\n".join(faults.schedule) + "\n", encoding="utf-8")
    mo.md(shown.table(("planted fault", "attack", "attacker"), faults.planted))
    return capture, faults, folder, lake


@app.cell
def _():
    mo.md("""
    ## 1. Two versions of labels beside each other

    `netlake label import exact.csv --capture ID`, `netlake label import published.yaml`, and
    `netlake label apply --source NAME --version NAME` for each.
    """)
    return


@app.cell
def _(capture, folder, lake):
    netlake.capture(capture, lake, jobs=1)
    number = netlake.Lake(lake).sql("SELECT DISTINCT capture FROM connection").rows()[0][0]
    importing.import_truth(lake, folder / "exact.csv", importing.Options(capture=number))
    importing.import_truth(lake, folder / "published.yaml")
    reports = {name: apply(lake, Options(version=name, sources=(name,))) for name in ("exact", "published")}
    LABELLED = """
        SELECT count(DISTINCT packet) FILTER (record_table = 'packet'),
               count(DISTINCT flow) FILTER (record_table = 'connection')
        FROM label WHERE version = '{name}'
    """
    mo.md(
        shown.table(
            ("version", "rules", "labelled packets", "labelled connections"),
            [
                (name, one.rules, *netlake.Lake(lake).sql(LABELLED.format(name=name)).rows()[0])
                for name, one in reports.items()
            ],
        )
    )
    return (reports,)


@app.cell
def _():
    mo.md("""
    ## 2. Compare

    `netlake label compare exact published`: connections for each pair of labels; precision and recall of *published*, with
    *exact* as the truth.
    """)
    return


@app.cell
def _(lake, reports):
    assert all(one.edges for one in reports.values())
    compared = compare(lake, "exact", "published")
    classes = compared.classes
    mo.vstack(
        [
            mo.md(
                shown.table(
                    ("exact \\ published", *classes),
                    [(one, *(compared.matrix[one, two] for two in classes)) for one in classes],
                )
            ),
            mo.md(
                shown.table(
                    ("label", "precision", "recall"),
                    [(name, compared.precision(name), compared.recall(name)) for name in classes[:-1]],
                )
            ),
            mo.md(f"Agreement on connections with a label in either: {compared.agreement:.3f}."),
        ]
    )
    return (compared,)


@app.cell
def _():
    mo.md("""
    ## 3. Which connections differ, and why

    The labels are views of the lake (`labelled:VERSION.TABLE`), so one query gives every connection with two answers, and
    `netlake label explain` gives the reason for the first of each group.
    """)
    return


@app.cell
def _(lake, reports):
    assert reports
    QUERY = """
        SELECT coalesce(e.label, 'unknown') AS exact, coalesce(p.label, 'unknown') AS published, e.orig_ip::VARCHAR AS attacker,
            count(*) AS connections, min(e.flow) AS first, min(e.capture) AS capture
        FROM "labelled:exact".connection e JOIN "labelled:published".connection p USING (capture, flow)
        WHERE e.label IS DISTINCT FROM p.label GROUP BY ALL ORDER BY ALL
    """
    differing = [tuple(row) for row in netlake.Lake(lake).sql(QUERY).rows()]

    def reason(capture, flow):
        found = explain(lake, f"connection {capture}:{flow}", "published")
        if found.edges:
            return found.edges[0].how
        return found.near[0][3] if found.near else "no rule names its hosts"

    reasons = [(exact, published, attacker, count, reason(where, first))
               for exact, published, attacker, count, first, where in differing]  # fmt: skip
    mo.md(shown.table(("exact", "published", "originator", "connections", "why, of the first one"), reasons))
    return differing, reasons


@app.cell
def _():
    mo.md("""
    ## 4. What a schedule alone can tell

    Without exact labels there is nothing to compare with. `netlake label coverage --version published` still finds connections
    between attacker and victim outside their window, and suggests another window. It cannot find an attack that is missing.
    """)
    return


@app.cell
def _(lake, reports):
    assert reports
    covered = coverage(lake, "published")
    outside = [
        (f"{one.source} {one.rule}", one.label, one.before, one.after, f"{one.begin:%H:%M:%S}-{one.end:%H:%M:%S}",
         "{:%H:%M:%S}-{:%H:%M:%S}".format(*one.suggested))
        for one in covered.outside
    ]  # fmt: skip
    mo.vstack(
        [
            mo.md(shown.table(("rule", "label", "before", "after", "window", "suggested"), outside)),
            mo.md(f"Rules without any record: {len(covered.silent)}. Hosts that no rule names: {covered.unnamed}."),
        ]
    )
    return covered, outside


if __name__ == "__main__":
    app.run()
