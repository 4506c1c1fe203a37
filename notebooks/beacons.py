import marimo

app = marimo.App(app_title="Beacon hunting")

with app.setup:
    import sys
    import tempfile
    from pathlib import Path

    import marimo as mo

    import netlake

    sys.path.insert(0, str(Path(__file__).parent))
    import shown
    import simulation


@app.cell
def _():
    mo.md("""
    # Beacon hunting

    Malware asks its control server for orders at regular intervals. Monitors, clocks and mail programs are as regular. This notebook
    finds regular connections, shows why regularity alone is not enough, and measures precision and recall against the true beacons.

    The traffic is invented (`notebooks/simulation.py`). Six clients have a beacon, with a period of 4, 7 or 12 s and a jitter of
    0, 10 or 40 %. A monitor polls three servers every 30 s, which is benign. Regular benign traffic to the internet, such as
    looking for updates, is missing, so precision in a real network is lower.
    """)
    return


@app.cell
def _():
    scratch = tempfile.TemporaryDirectory()
    capture, lake = Path(scratch.name) / "office.pcap", Path(scratch.name) / "lake"
    office = simulation.office(seed=1)
    simulation.write_capture(office, capture)
    netlake.capture(capture, lake, jobs=1)
    opened = netlake.Lake(lake)
    true = {(one.attacker, one.victim) for one in office.attacks if one.label == "beacon"}
    labels = {(one.attacker, one.victim): one.label for one in office.attacks}
    mo.md(
        f"{len(true)} pairs of hosts have a beacon, of {opened.sql('SELECT count(*) FROM connection').rows()[0][0]:,} connections."
    )
    return labels, opened, true


@app.cell
def _():
    mo.md("""
    ## 1. Regular connections

    The function `beacons()` groups connections by source, address and port, and compares the standard deviation of their
    intervals with the mean (jitter). `netlake query beacons` adds names and fingerprints, and allows a jitter of 0.25 by default.
    Jitter that a tool draws evenly from plus or minus 40 % has a standard deviation of 0.4 / √3 = 0.23 of the mean.
    """)
    return


@app.cell
def _(labels, opened):
    regular = [
        (row["source"], row["target"], row["port"], row["connections"], row["interval_seconds"], row["jitter"])
        for row in opened.sql("FROM beacons(max_jitter := 0.25) ORDER BY round(jitter, 3), target, source")
        .pl()
        .iter_rows(named=True)
    ]
    saved = {(row["source"], row["target"]) for row in opened.query("beacons").pl().iter_rows(named=True)}
    assert saved == {row[:2] for row in regular}

    def truth(source, target):
        return "monitor" if source == simulation.MONITOR else labels.get((source, target), "work")

    mo.md(
        shown.table(
            ("source", "target", "port", "connections", "interval, s", "jitter", "truth"),
            [(row[0], row[1], str(row[2]), *row[3:], truth(*row[:2])) for row in regular],
        )
    )
    return regular, truth


@app.cell
def _(opened, regular, truth):
    INTERVALS = """
        SELECT epoch(ts - lag(ts) OVER (ORDER BY ts)) AS seconds
        FROM connection WHERE orig_ip = '{}' AND resp_ip = '{}' AND resp_port = {} ORDER BY ts
    """
    drawn = [row[:3] for row in regular] + [
        ("10.1.0.19", simulation.WEB, 443),
        (simulation.ADMINISTRATOR, simulation.SSH, 22),
    ]
    intervals = [[one for (one,) in opened.sql(INTERVALS.format(*pair)).rows() if one is not None] for pair in drawn]
    mo.vstack(
        [
            mo.md(
                "Intervals between connections, one mark each. The last two rows are work, for comparison: the browser of"
                " a client and the administrator; their intervals of more than 40 s are left out."
            ),
            mo.Html(
                shown.strips(
                    [f"{truth(source, target).removeprefix('password ')} {source}" for source, target, _ in drawn],
                    intervals,
                    most=40,
                    unit="s",
                )
            ),
        ]
    )
    return (intervals,)


@app.cell
def _():
    mo.md("""
    ## 2. The threshold does not separate them

    Precision is the share of the found pairs that have a beacon, recall the share of the beacons that are found. A strict threshold
    loses beacons with much jitter first, and keeps the monitor, which is more regular than most of them.
    """)
    return


@app.cell
def _(opened, true):
    def score(pairs):
        pairs = set(pairs)
        return len(pairs & true) / len(pairs) if pairs else 0.0, len(pairs & true) / len(true)

    thresholds = (0.001, 0.01, 0.1, 0.25, 0.7)
    scores = {
        most: score(opened.sql(f"SELECT source, target FROM beacons(max_jitter := {most})").rows())
        for most in thresholds
    }
    mo.Html(
        shown.bars(
            [f"jitter up to {most}" for most in thresholds],
            {name: [scores[most][place] for most in thresholds] for place, name in enumerate(("precision", "recall"))},
        )
    )
    return score, scores


@app.cell
def _():
    mo.md("""
    ## 3. What separates them

    Knowledge of the network does:

    - **known**: without the known monitor. The list has to be maintained, and a beacon on the monitor itself is lost.
    - **not guessing**: also without pairs that `ssh_brute_force` finds, which are attacks of another kind.
    - **outside**: only targets outside the office (`10.1.0.0/16`). Beacons through a proxy inside are lost.
    """)
    return


@app.cell
def _(opened, regular, score):
    pairs = [row[:2] for row in regular]
    known = [pair for pair in pairs if pair[0] != simulation.MONITOR]
    guessing = {(row["source"], row["target"]) for row in opened.query("ssh_brute_force").pl().iter_rows(named=True)}
    outside = {
        tuple(row)
        for row in opened.sql(
            "SELECT source, target FROM beacons(max_jitter := 0.25) WHERE NOT in_net(target, '10.1.0.0/16')"
        ).rows()
    }
    rules = {
        "jitter up to 0.25": pairs,
        "known": known,
        "known, not guessing": [pair for pair in known if pair not in guessing],
        "outside": outside,
    }
    results = {name: (len(found), *score(found)) for name, found in rules.items()}
    mo.md(shown.table(("rule", "pairs", "precision", "recall"), [(name, *row) for name, row in results.items()]))
    return (results,)


@app.cell
def _(results):
    mo.md(f"""
    ## 4. Conclusion

    All beacons are regular enough for the default of the saved query, and so are
    {results["jitter up to 0.25"][0] - results["outside"][0]} other pairs. Restricted to targets outside, precision is
    {results["outside"][1]:.3f} and recall {results["outside"][2]:.3f}. There are six beacons of one simulation, whose jitter we
    chose, so these numbers describe the example and no real network. A tool whose intervals deviate by more than
    0.25 of their mean, or with fewer connections than `min_connections`, needs other parameters or is not found.
    """)
    return


if __name__ == "__main__":
    app.run()
