"""An optional scikit-learn pipeline, fitted on the training split only; the tables of the data set stay raw.

Numbers: nulls become the median, then values are standardized. Text: one column for each frequent value. It is saved
with skops (`skops.io.load` loads it without running code of the file), and its parameters as JSON, for programs in
other languages. It takes the rows of data/SPLIT-*.parquet as a Polars or pandas data frame.

scikit-learn fits in memory: of more than SAMPLE training rows, SAMPLE evenly spaced ones are used.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa

from netlake.errors import QueryError
from netlake.label.dataset.formats.table import EPOCH
from netlake.label.dataset.manifest import as_json
from netlake.label.dataset.output import Output
from netlake.label.dataset.work import quoted

SAMPLE = 1_000_000
FREQUENT = 10
SCHEMA = "schema.json"


def require() -> None:
    """QueryError if scikit-learn or skops is not installed."""
    try:
        import sklearn  # noqa: F401 - only its presence counts
        import skops.io
    except ImportError as error:
        raise QueryError(
            f"--pipeline needs {error.name or 'scikit-learn'}: install it with `pip install 'netlake[train]'`."
        ) from error
    del skops


def write(folder: Path, output: Output) -> None:
    """Fit the pipeline on the training rows, and write pipeline/pipeline.skops and pipeline.json."""
    import polars as pl
    import skops.io

    frame = output.frame
    numbers = frame.numeric
    texts = [one.name for one in frame.features if pa.types.is_string(frame.types[one.name])]
    rows = frame.count("train")
    step = max(1, -(-rows // SAMPLE))
    chosen = ", ".join(map(quoted, [*numbers, *texts]))
    table = frame.work.table(
        f"SELECT {chosen} FROM (SELECT {chosen}, row_number() OVER (ORDER BY row_id) AS _place FROM {frame.relation}"
        f" WHERE _split = 'train') WHERE _place % {step} = 0 ORDER BY _place"
    )
    pipeline = _pipeline(numbers, texts)
    pipeline.fit(pl.DataFrame(table))
    (folder / "pipeline").mkdir()
    (folder / "pipeline" / "pipeline.skops").write_bytes(_canonical(skops.io.dumps(pipeline)))
    (folder / "pipeline" / "pipeline.json").write_text(
        as_json({"rows": table.num_rows, **_parameters(pipeline, numbers, texts)}), encoding="utf-8"
    )


def _pipeline(numbers: list[str], texts: list[str]) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    steps: list[tuple[str, Any, list[str]]] = []
    if numbers:
        fill = SimpleImputer(strategy="median", keep_empty_features=True)
        steps.append(("numbers", Pipeline([("impute", fill), ("scale", StandardScaler())]), numbers))
    if texts:
        encode = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=FREQUENT, sparse_output=False)
        steps.append(("texts", encode, texts))
    return Pipeline([("columns", ColumnTransformer(steps))])


def _parameters(pipeline: Any, numbers: list[str], texts: list[str]) -> dict[str, Any]:
    """Medians, means and scales by feature, and the values of each text feature."""
    found = pipeline.named_steps["columns"].named_transformers_
    result: dict[str, Any] = {"numbers": {}, "texts": {}}
    if numbers:
        impute, scale = found["numbers"].named_steps["impute"], found["numbers"].named_steps["scale"]
        for name, median, mean, deviation in zip(numbers, impute.statistics_, scale.mean_, scale.scale_, strict=True):
            result["numbers"][name] = {"median": float(median), "mean": float(mean), "scale": float(deviation)}
    if texts:
        encode = found["texts"]
        rare = encode.infrequent_categories_
        for place, name in enumerate(texts):
            values = [None if value is None else str(value) for value in encode.categories_[place]]
            few = [] if rare[place] is None else [None if value is None else str(value) for value in rare[place]]
            result["texts"][name] = {"values": values, "infrequent": few}
    return result


def _canonical(data: bytes) -> bytes:
    """The same skops archive, with bytes that depend on its content only.

    skops names objects by their addresses in memory, and zip members have times: here objects are numbered in the order
    in which the schema names them, and members have the earliest time.
    """
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as target:
        schema = json.loads(source.read(SCHEMA))
        numbers: dict[str, str] = {}
        _renumber(schema, numbers)
        members = {SCHEMA: json.dumps(schema, indent=1).encode()}
        for name in source.namelist():
            if name != SCHEMA:
                stem, dot, suffix = name.partition(".")
                members[numbers.get(stem, stem) + dot + suffix] = source.read(name)
        for name, content in sorted(members.items()):
            member = zipfile.ZipInfo(name, EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(member, content)
    return result.getvalue()


def _renumber(node: Any, numbers: dict[str, str]) -> None:
    """Replace addresses in the schema by numbers from 1, in place; `numbers` collects them as text."""
    if isinstance(node, list):
        for item in node:
            _renumber(item, numbers)
    elif isinstance(node, dict):
        if "__id__" in node:
            node["__id__"] = int(numbers.setdefault(str(node["__id__"]), str(len(numbers) + 1)))
        if isinstance(node.get("file"), str):
            stem, dot, suffix = node["file"].partition(".")
            node["file"] = numbers.setdefault(stem, str(len(numbers) + 1)) + dot + suffix
        for value in node.values():
            _renumber(value, numbers)
