"""The front matter of the card (README.md), by which `datasets.load_dataset(FOLDER, CONFIG)` finds files and types.

Configurations: `default` (features and labels), `identity` (the columns kept apart), `masks` for imputed sets, and
`fold_N` for folds: fold N is its test split, the others are its training split.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from netlake.label.dataset.formats.parquet import Written

# Arrow -> name of the type in `datasets`
_NAMES = {"double": "float64", "float": "float32", "halffloat": "float16", "large_string": "string"}


def front_matter(folder: Path, name: str, classes: tuple[str, ...], configs: Mapping[str, Written]) -> str:
    """The YAML between the lines `---`; `configs` are the files of each configuration by split."""
    lines = ["---", f"pretty_name: {_text(name)}", "task_categories:", "- tabular-classification", "tags:"]
    lines += ["- network-intrusion-detection", "- tabular", "configs:"]
    for config, found in configs.items():
        lines += [f"- config_name: {config}", *(["  default: true"] if config == "default" else []), "  data_files:"]
        for split, paths in found.items():
            lines += [f"  - split: {split}", "    path:"]
            lines += [f"    - {path.relative_to(folder).as_posix()}" for path in paths]
    lines.append("dataset_info:")
    for config, found in configs.items():
        first = next(paths[0] for paths in found.values() if paths)
        lines += [f"- config_name: {config}", "  features:"]
        for field in pq.read_schema(first):
            lines += _feature(field, classes, "  ")
        lines.append("  splits:")
        for split, paths in found.items():
            rows = sum(pq.read_metadata(path).num_rows for path in paths)
            size = sum(path.stat().st_size for path in paths)
            lines += [f"  - name: {split}", f"    num_bytes: {size}", f"    num_examples: {rows}"]
    return "\n".join([*lines, "---", ""])


def folds(found: Written) -> dict[str, Written]:
    """The configurations of folds: each fold is tested once."""
    result: dict[str, Written] = {}
    for fold, paths in found.items():
        if fold.startswith("fold_"):
            rest = [
                path
                for other, others in found.items()
                if other.startswith("fold_") and other != fold
                for path in others
            ]
            result[fold] = {"train": rest, "test": paths}
    return result


def _text(text: str) -> str:
    """A YAML scalar for any text; JSON strings are YAML."""
    return json.dumps(text, ensure_ascii=False)


def _feature(field: pa.Field, classes: tuple[str, ...], indent: str) -> Iterator[str]:
    yield f"{indent}- name: {_text(field.name)}"
    kind = field.type
    if field.name == "target":
        yield f"{indent}  dtype:"
        yield f"{indent}    class_label:"
        yield f"{indent}      names:"
        yield from (f"{indent}        '{number}': {_text(name)}" for number, name in enumerate(classes))
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield f"{indent}  list: {type_name(kind.value_type)}"
    else:
        yield f"{indent}  dtype: {type_name(kind)}"


def type_name(kind: pa.DataType) -> str:
    """The name of an Arrow type in `datasets`."""
    text = str(kind)
    return _NAMES.get(text, text)
