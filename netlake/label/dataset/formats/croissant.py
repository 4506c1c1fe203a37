"""croissant.json: metadata by the Croissant 1.0 vocabulary of MLCommons, which mlcroissant and data set searches read.

Each Parquet file is a FileObject with its SHA-256 and a RecordSet with its columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

BLANK = re.compile(r"\s")
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "equivalentProperty": "cr:equivalentProperty",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "samplingRate": "cr:samplingRate",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def describe(
    folder: Path, head: Mapping[str, str], files: Sequence[Path], docs: Mapping[str, str], digest: Callable[[Path], str]
) -> dict[str, Any]:
    """The metadata; `head` has name, description and version, `docs` the description of each column."""
    objects, sets = [], []
    for path in files:
        name = path.relative_to(folder).as_posix()
        objects.append(
            {
                "@type": "cr:FileObject",
                "@id": name,
                "name": name,
                "contentUrl": name,
                "contentSize": f"{path.stat().st_size} B",
                "encodingFormat": "application/x-parquet",
                "sha256": digest(path),
            }
        )
        records = name.removesuffix(".parquet").replace("/", "-")
        sets.append(
            {
                "@type": "cr:RecordSet",
                "@id": records,
                "name": records,
                "description": f"The rows of {name}.",
                "field": _fields(records, name, pq.read_schema(path), docs),
            }
        )
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        **head,
        "distribution": objects,
        "recordSet": sets,
    }


def _fields(records: str, file: str, schema: pa.Schema, docs: Mapping[str, str]) -> list[dict[str, Any]]:
    """The fields of a record set; an `@id` has no blanks, and may not repeat."""
    ids: dict[str, str] = {}
    for name in schema.names:
        plain = BLANK.sub("_", name)
        ids[name] = f"{records}/{plain}" + ("_" * sum(BLANK.sub("_", other) == plain for other in ids))
    return [_field(ids[field.name], file, field, docs) for field in schema]


def _field(name: str, file: str, field: pa.Field, docs: Mapping[str, str]) -> dict[str, Any]:
    kind = field.type
    many = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return {
        "@type": "cr:Field",
        "@id": name,
        "name": name,
        "description": docs.get(field.name, ""),
        "dataType": _type(kind.value_type if many else kind),
        **({"repeated": True} if many else {}),
        "source": {"fileObject": {"@id": file}, "extract": {"column": field.name}},
    }


def _type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    if pa.types.is_floating(kind):
        return "sc:Float"
    if pa.types.is_timestamp(kind):
        return "sc:DateTime"
    return "sc:Date" if pa.types.is_date(kind) else "sc:Text"
