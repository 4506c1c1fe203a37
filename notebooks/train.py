import marimo

app = marimo.App(app_title="From a capture to an evaluated model")

with app.setup:
    import sys
    import tempfile
    from pathlib import Path

    import marimo as mo
    import numpy as np
    import pyarrow.parquet as pq
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics import average_precision_score, recall_score

    import netlake
    from netlake.label.dataset import Options, build
    from netlake.label.join import apply
    from netlake.label.truth.importing import import_truth

    sys.path.insert(0, str(Path(__file__).parent))
    import shown
    import simulation


@app.cell
def _():
    mo.md("""
    # From a capture to an evaluated model

    This notebook makes a capture, decodes it into a lake, labels it, computes the feature set `cic`, splits the rows in
    three ways, trains the same model on each split, and compares the results. All numbers are computed when it runs.

    **What it can show:** how the parts fit together, and that the split changes the result for the same rows, features
    and model. **What it cannot show:** how well attacks are detected in a real network. The traffic is invented
    (`notebooks/simulation.py`): its classes are as separable as we made them. Recorded traffic such as the bundled
    `demo.pcapng` is not mixed in, because a model could then tell recorded from invented packets and seem to detect attacks.
    """)
    return


@app.cell
def _():
    mo.md("""
    ## 1. Capture and ground truth

    One hour: clients, an administrator and a monitor work; six instances each of port scans, password guessing and beacons
    have parameters of their own (rate, sizes, number of connections), as the tools of different attackers would.
    """)
    return


@app.cell
def _():
    scratch = tempfile.TemporaryDirectory()
    folder = Path(scratch.name)
    capture, truth, lake = folder / "office.pcap", folder / "attacks.yaml", folder / "lake"
    office = simulation.office(seed=1)
    simulation.write_capture(office, capture)
    truth.write_text("\n".join(simulation.schedule(office.attacks)) + "\n", encoding="utf-8")
    mo.md(
        shown.table(
            ("attack", "attacker", "victim", "begin, UTC", "end, UTC"),
            [
                (one.label, one.attacker, one.victim, simulation.clock(one.begin), simulation.clock(one.end, up=True))
                for one in office.attacks
            ],
        )
    )
    return capture, folder, lake, truth


@app.cell
def _():
    mo.md("""
    ## 2. Lake and labels

    The same as `netlake capture office.pcap`, `netlake label import attacks.yaml` and `netlake label apply`. The schedule
    declares the rest of the network benign; without that rule, traffic outside attacks would be unknown.
    """)
    return


@app.cell
def _(capture, lake, truth):
    netlake.capture(capture, lake, jobs=1)
    import_truth(lake, truth)
    report = apply(lake)
    labelled = netlake.Lake(lake).sql(
        "SELECT coalesce(label, 'none'), state, count(*), sum(orig_packets + resp_packets)::BIGINT"
        " FROM labelled.connection GROUP BY ALL ORDER BY ALL"
    )
    connections = [tuple(row) for row in labelled.rows()]
    mo.md(shown.table(("label", "state", "connections", "packets"), connections))
    return connections, report


@app.cell
def _():
    mo.md("""
    ## 3. Three splits of the same rows

    - **random**: each row alone (`--split random --force`), a third for the test.
    - **attack**: instances of attacks and pairs of hosts are kept whole, so the test has other instances than the training.
    - **time**: the test is the last third of the rows.

    Addresses, ports and absolute times are no features (the default), nor are values that come from the test network
    (`--exclude leak:environment`).
    """)
    return


@app.cell
def _(folder, lake, report):
    assert report.edges
    common = {"test": 0.34, "validation": 0.0, "exclude": ("leak:environment",)}
    results = {
        split: build(lake, folder / split, Options(split=split, force=split == "random", **common))
        for split in ("random", "attack", "time")
    }
    mo.md(
        shown.table(
            ("split", "training rows", "test rows", "features", "purged"),
            [
                (split, one.rows["train"], one.rows["test"], one.features, one.rows.get("purged", 0))
                for split, one in results.items()
            ],
        )
    )
    return (results,)


@app.cell
def _(results):
    findings = [
        (split, check.name, check.status, check.sentence)
        for split, one in results.items()
        for check in one.checks
        if check.name in {"groups", "duplicates", "order", "classes"}
    ]
    mo.vstack(
        [
            mo.md("The checks say in advance which evaluation flatters (four of them, for each split):"),
            mo.md(shown.table(("split", "check", "result", "finding"), findings)),
        ]
    )
    return (findings,)


@app.cell
def _():
    mo.md("""
    ## 4. One model, three evaluations

    A random forest with fixed parameters and seed. Columns without any value in the training rows are left out; scikit-learn
    treats other nulls as missing. The score of an attack is one minus the share of benign, and PR-AUC is the average precision
    of attack against benign. Recall of a class is the share of its test rows that get this class.
    """)
    return


@app.cell
def _(folder, results):
    LABELS = {"row_id", "target", "label_state", "label", "labels", "attempted", "label_fraction"}

    def rows(split, part):
        read = pq.read_table(folder / split / "data" / f"{part}-00000.parquet")
        return read, np.asarray(read["target"])

    def matrix(read, columns):
        return np.column_stack([read[name].cast("float64").to_numpy(zero_copy_only=False) for name in columns])

    def evaluate(split):
        (training, target), (test, expected) = rows(split, "train"), rows(split, "test")
        columns = [
            name for name in training.column_names if name not in LABELS and training[name].null_count < len(training)
        ]
        model = RandomForestClassifier(100, min_samples_leaf=2, random_state=0, n_jobs=1)
        model.fit(matrix(training, columns), target)
        shares = model.predict_proba(matrix(test, columns))
        classes = results[split].classes
        benign = classes.index("benign")
        attack = 1 - shares[:, list(model.classes_).index(benign)]
        recall = recall_score(
            expected, model.classes_[shares.argmax(1)], labels=range(len(classes)), average=None, zero_division=np.nan
        )
        return {
            "pr_auc": float(average_precision_score(expected != benign, attack)),
            "recall": dict(zip(classes, map(float, recall), strict=True)),
            "rows": dict(
                zip(classes, (int((expected == number).sum()) for number in range(len(classes))), strict=True)
            ),
        }

    scores = {split: evaluate(split) for split in results}
    return (scores,)


@app.cell
def _(scores):
    names = sorted(scores["random"]["recall"])
    mo.vstack(
        [
            mo.md(
                shown.table(
                    ("split", "PR-AUC", *(f"recall: {name}" for name in names)),
                    [
                        (split, score["pr_auc"], *(score["recall"][name] for name in names))
                        for split, score in scores.items()
                    ],
                )
            ),
            mo.md("Number of test rows:"),
            mo.md(
                shown.table(
                    ("split", *names),
                    [(split, *(score["rows"][name] for name in names)) for split, score in scores.items()],
                )
            ),
            mo.Html(
                shown.bars(
                    ["PR-AUC", *(f"recall: {name}" for name in names)],
                    {
                        split: [score["pr_auc"], *(score["recall"][name] for name in names)]
                        for split, score in scores.items()
                    },
                )
            ),
        ]
    )
    return (names,)


@app.cell
def _():
    mo.md("""
    ## 5. How far the random split flatters
    """)
    return


@app.cell
def _(names, scores):
    flattered = {
        split: {
            "pr_auc": scores["random"]["pr_auc"] - scores[split]["pr_auc"],
            "recall": {name: scores["random"]["recall"][name] - scores[split]["recall"][name] for name in names},
        }
        for split in ("attack", "time")
    }
    worst = max(names, key=lambda name: flattered["attack"]["recall"][name])
    mo.md(
        shown.table(
            ("random minus", "PR-AUC", *(f"recall: {name}" for name in names)),
            [(split, gap["pr_auc"], *gap["recall"].values()) for split, gap in flattered.items()],
        )
        + f"""

    The random split gives PR-AUC {scores["random"]["pr_auc"]:.3f}, the split by instance {scores["attack"]["pr_auc"]:.3f}.
    The largest difference of recall to the split by instance is that of *{worst}*:
    {scores["random"]["recall"][worst]:.3f} against {scores["attack"]["recall"][worst]:.3f}. A positive difference is what an
    author would have reported too much. With two or three instances of each class in the test, the difference itself is uncertain:
    repeat it with other seeds of the simulation, or use `--split kfold` on your own captures.
    """
    )
    return flattered, worst


if __name__ == "__main__":
    app.run()
