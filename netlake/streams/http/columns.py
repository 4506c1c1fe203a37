"""The columns of HTTP/1 requests and responses."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netlake.kernels.flow_state import Records
from netlake.kernels.http1_state import Framing
from netlake.layers.contents import Content
from netlake.packets import Columns, Messages, Nullable
from netlake.schema import Table
from netlake.streams import file
from netlake.streams.http.anomalies import anomalies
from netlake.streams.http.heads import Heads, parameters
from netlake.streams.http.tables import REQUEST, RESPONSE

Index = npt.NDArray[np.intp]
# the columns from which files take their type, coding and name
NAMED = ("content_type", "content_encoding", "content_disposition")
# columns of headers: the first of each message
OF_REQUEST = {
    "host": "host", "user_agent": "user-agent", "referer": "referer", "origin": "origin",
    "content_type": "content-type", "content_encoding": "content-encoding", "x_forwarded_for": "x-forwarded-for",
    "upgrade": "upgrade", "transfer_encoding": "transfer-encoding",
}  # fmt: skip
OF_RESPONSE = {
    "server": "server", "location": "location", "content_type": "content-type",
    "content_encoding": "content-encoding", "content_disposition": "content-disposition",
    "www_authenticate": "www-authenticate", "upgrade": "upgrade", "transfer_encoding": "transfer-encoding",
}  # fmt: skip


def request_columns(messages: Messages, facts: Records, contents: list[Content]) -> Columns:
    """The columns of `http_request`; `facts` has dtype MESSAGE, `contents` are the bodies."""
    heads = heads_of(messages, facts)
    columns: Columns = {
        "method": heads.part("first"), "uri": heads.part("second"), "version": heads.part("third"),
        "cookies": heads.cookies(REQUEST),
        "parameters": parameters(REQUEST, "parameters", heads.data, heads.parts["query"], heads.parts["query_end"]),
    }  # fmt: skip
    columns |= {column: heads.header(name) for column, name in OF_REQUEST.items() if heads.has(name).any()}
    if heads.has("authorization").any() or heads.has("proxy-authorization").any():
        columns["authorization_scheme"], columns["authorization_user"] = heads.credentials()
    if any(content.form for content in contents):
        columns["form_parameters"] = _forms(contents)
    return columns | shared(REQUEST, heads, facts, contents)


def response_columns(messages: Messages, facts: Records, contents: list[Content]) -> Columns:
    """The columns of `http_response`; as `request_columns`."""
    heads = heads_of(messages, facts)
    status = facts["status"].astype(np.int32)
    columns: Columns = {
        "version": heads.part("first"), "reason": heads.part("third"), "status": status,
        "set_cookie": heads.every(RESPONSE, "set_cookie", "set-cookie"),
    }  # fmt: skip
    columns |= {column: heads.header(name) for column, name in OF_RESPONSE.items() if heads.has(name).any()}
    return columns | shared(RESPONSE, heads, facts, contents)


def heads_of(messages: Messages, facts: Records) -> Heads:
    """The heads of messages, split."""
    return Heads(messages, int(facts["lines"].sum()) + len(facts))


def shared(table: Table, heads: Heads, facts: Records, contents: list[Content]) -> Columns:
    """The columns that requests and responses have."""
    length = facts["length"].copy()
    return {
        "exchange": facts["exchange"].astype(np.int32),
        "headers": heads.headers(table),
        "content_length": length if (length >= 0).all() else Nullable(length, length >= 0),
        "chunked": facts["framing"] == Framing.CHUNKED,
        "body_length": facts["size"].copy(),
        "body_missing": facts["missing"].copy(),
        "body_sha256": pa.array([content.sha256 if content.size else None for content in contents], pa.string()),
        "complete": facts["complete"] == 1,
        "anomalies": anomalies(table, facts["anomalies"].astype(np.int64)),
    }


def _forms(contents: list[Content]) -> pa.Array:
    sizes = np.array([len(content.form) for content in contents], np.int64)
    data = np.frombuffer(b"".join(content.form for content in contents), np.uint8).copy()
    ends = np.cumsum(sizes)
    return parameters(REQUEST, "form_parameters", data, ends - sizes, ends)


def files_of(source: str, read: Columns, facts: Records, contents: list[Content], index: Index) -> Columns:
    """The columns of `file` for the bodies of messages `index`; `read` are the columns of all messages."""
    facts, contents = facts[index], [contents[row] for row in index.tolist()]
    complete = facts["complete"] == 1
    known = complete | (facts["framing"] == Framing.LENGTH)
    total = Nullable(facts["size"] + facts["missing"], known)
    columns = file.file_columns(contents, facts["size"].copy(), facts["missing"].copy(), total, complete)
    types, codings, names = (_texts(read, name, index) for name in NAMED)
    sizes, paths = facts["named_size"].tolist(), np.ascontiguousarray(facts["name"])
    of_path = [file.name_of_path(paths[row, :size].tobytes()) for row, size in enumerate(sizes)]
    columns["source"] = pa.array([source] * len(index), pa.string())
    columns["exchange"] = facts["exchange"].astype(np.int32)
    columns["declared_type"] = pa.array(map(file.media_type, types), pa.string())
    columns["coding"] = pa.array(codings, pa.string())
    columns["decoded"] = file.decoded(contents, np.array([coding is not None for coding in codings]))
    columns["name"] = pa.array(
        [file.name_in(name) or path for name, path in zip(names, of_path, strict=True)], pa.string()
    )
    return columns


def _texts(read: Columns, name: str, index: Index) -> list[str | None]:
    """A text column of the messages `index`; None where the messages do not have the column."""
    return read[name].take(pa.array(index)).to_pylist() if name in read else [None] * len(index)
