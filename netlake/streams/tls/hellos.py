"""Columns of hellos: from the records of netlake.kernels.tls_hello to Arrow.

A message is a handshake message with its header of four bytes; `hint` has its record version, why it is not whole and
what carries it (netlake.kernels.tls_state). It is of a TCP stream, of QUIC or of DTLS.
"""

from __future__ import annotations

from hashlib import md5, sha256
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netlake.kernels.dns import SPAN
from netlake.kernels.flow_state import Records
from netlake.kernels.tls_extensions import HELLO, ITEM, MOST_EXTENSIONS, TEXT_BASE, TEXT_FACTOR, USED, Into
from netlake.kernels.tls_hello import read_hellos
from netlake.kernels.tls_lists import gather_bytes, gather_numbers, measure
from netlake.kernels.tls_state import REASON_SHIFT, TRANSPORT_SHIFT, VERSION_SHIFT, Reason, Transport
from netlake.layers.read import column_type
from netlake.layers.spans import texts
from netlake.packets import Bytes, Columns, Messages, Nullable
from netlake.schema import Table, faults
from netlake.streams.tls.declared import CLIENT_HELLO, SERVER_HELLO

HEADER = 4
# the random value of a HelloRetryRequest (RFC 8446 section 4.1.3)
RETRY = sha256(b"HelloRetryRequest").digest()
NOTHING = "0" * 12
TRANSPORTS = [one.name.lower() for one in Transport]
FAULTS = {Reason.ENDED: faults.SHORT_HEADER, Reason.GAP: faults.CUT, Reason.TOO_LARGE: faults.TOO_LARGE}
# lists of a client: column, and field of HELLO
LISTS = {
    "cipher_suites": "cipher_suites", "compression_methods": "compression", "extensions": "extensions",
    "groups": "groups", "point_formats": "point_formats", "signature_algorithms": "signatures",
    "supported_versions": "supported_versions", "key_share_groups": "key_shares", "psk_modes": "psk_modes",
}  # fmt: skip
NUMBERS = {
    "psk_identities": "psk_identities", "ech_type": "ech_type", "ech_config_id": "ech_config", "ech_kdf": "ech_kdf",
    "ech_aead": "ech_aead",
}  # fmt: skip


def read_client(messages: Messages) -> Columns:
    """Columns of ClientHello messages; sets their faults."""
    hellos, into = _read(messages, server=False)
    columns = _common(CLIENT_HELLO, messages, hellos, into)
    columns |= {column: _list(CLIENT_HELLO, column, hellos[name], into) for column, name in LISTS.items()}
    columns |= {column: _number(hellos[name], np.int64) for column, name in NUMBERS.items()}
    name = hellos["server_name"]
    columns["server_name"] = texts(messages.data, name["start"], name["end"])
    full, columns["ja3"] = _ja3(hellos, into)
    columns["ja3_full"] = full
    columns["ja4"], columns["ja4_r"] = _ja4(hellos, into)
    return columns


def read_server(messages: Messages) -> Columns:
    """Columns of ServerHello messages; sets their faults."""
    hellos, into = _read(messages, server=True)
    columns = _common(SERVER_HELLO, messages, hellos, into)
    for column in ("extensions", "point_formats"):
        columns[column] = _list(SERVER_HELLO, column, hellos[column], into)
    columns["cipher_suite"] = _first(hellos["cipher_suites"], into)
    columns["compression_method"] = _first(hellos["compression"], into)
    columns["supported_version"] = version = _first(hellos["supported_versions"], into)
    legacy = hellos["version"]
    columns["negotiated_version"] = _number(np.where(version.valid, version.values, legacy), np.int32)
    columns["key_share_group"] = _first(hellos["key_shares"], into)
    columns["psk_identity"] = _number(hellos["psk_identity"], np.int32)
    columns["hello_retry_request"] = _is_retry(columns["random"])
    columns["ja3s_full"], columns["ja3s"] = _ja3(hellos, into)
    return columns


def mark_early(messages: Messages) -> None:
    """Set the fault of messages that are not whole."""
    reason = reason_of(messages.hint)
    for value, fault in FAULTS.items():
        messages.flag(reason == value.value, fault)


def reason_of(hint: Any) -> Any:
    """The number of the Reason in `hint` of messages, or of one."""
    return hint >> REASON_SHIFT & 0xF


def record_version(messages: Messages) -> Nullable:
    """The version of the record in which each message begins; null without records, in QUIC."""
    return Nullable(_versions(messages), _transports(messages) != Transport.QUIC.value)


def transport(messages: Messages) -> pa.Array:
    """The name of what carries each message."""
    return pa.array(TRANSPORTS, pa.string()).take(pa.array(_transports(messages)))


def _versions(messages: Messages) -> npt.NDArray[np.int32]:
    return (messages.hint >> VERSION_SHIFT & 0xFFFF).astype(np.int32)


def _transports(messages: Messages) -> npt.NDArray[np.int32]:
    return (messages.hint >> TRANSPORT_SHIFT & 0xF).astype(np.int32)


def _read(messages: Messages, *, server: bool) -> tuple[Records, Into]:
    mark_early(messages)
    begin = np.minimum(messages.start + HEADER, messages.end)
    sizes = messages.end - begin
    size, longest = int(sizes.sum()), int(sizes.max(initial=0))
    into = Into(
        np.empty(size + 1, np.int32), np.empty(size + 1, SPAN),
        np.empty(TEXT_FACTOR * size + TEXT_BASE * len(messages), np.uint8),
        np.empty(longest // 2 + MOST_EXTENSIONS, np.int32), np.empty(MOST_EXTENSIONS, ITEM), np.zeros(1, USED),
    )  # fmt: skip
    hellos = np.empty(len(messages), HELLO)
    read_hellos(
        messages.data, begin, messages.end, _missing(messages), _versions(messages), _transports(messages), server,
        hellos, into,
    )  # fmt: skip
    messages.fault = np.where(messages.fault == 0, hellos["fault"], messages.fault)
    return hellos, into


def _missing(messages: Messages) -> npt.NDArray[np.int32]:
    """How many bytes of each message are not in the pool, by its length; at least 1 if it is not whole."""
    missing = messages.missing.copy()
    for index in np.flatnonzero(reason_of(messages.hint) != Reason.WHOLE.value).tolist():
        start, end = int(messages.start[index]), int(messages.end[index])
        length = int.from_bytes(messages.data[start + 1 : start + HEADER].tobytes()) if end - start >= HEADER else 0
        missing[index] = max(1, HEADER + length - (end - start))
    return missing


def _common(table: Table, messages: Messages, hellos: Records, into: Into) -> Columns:
    """Columns of both hellos."""
    session = hellos["session_id"].copy()
    session["start"][session["end"] == session["start"]] = -1
    return {
        "transport": transport(messages),
        "record_version": record_version(messages),
        "hello_version": _number(hellos["version"], np.int32),
        "random": _bytes(messages.data, hellos["random"], pa.binary()),
        "session_id": _bytes(messages.data, session, pa.binary()),
        "alpn": _alpn(table, messages.data, hellos["alpn"], into),
    }


def _number(values: npt.NDArray[Any], dtype: type[np.generic]) -> Nullable:
    """A column of numbers that are null where they are negative."""
    return Nullable(values.astype(dtype), values >= 0)


def _first(spans: Records, into: Into) -> Nullable:
    """The first number of each list; null where it is empty."""
    valid = spans["end"] > spans["start"]
    return Nullable(into.numbers[np.where(valid, spans["start"], 0)], valid)


def _list(table: Table, column: str, spans: Records, into: Into) -> pa.Array:
    """A column of lists of numbers."""
    data_type = column_type(table, column)
    offsets, found = np.empty(len(spans) + 1, np.int32), np.empty(measure(spans), np.int32)
    gather_numbers(into.numbers, spans, offsets, found)
    child = pa.array(found.astype(data_type.value_type.to_pandas_dtype()), data_type.value_type)
    return pa.ListArray.from_arrays(pa.array(offsets), child, type=data_type)


def _bytes(data: Bytes, spans: Records, data_type: pa.DataType) -> pa.Array:
    """A column of bytes or text; null where the start is negative. Text has to be ASCII."""
    offsets, found = np.empty(len(spans) + 1, np.int32), np.empty(measure(spans), np.uint8)
    gather_bytes(data, spans, offsets, found)
    valid = pa.py_buffer(np.packbits(spans["start"] >= 0, bitorder="little"))
    return pa.Array.from_buffers(data_type, len(spans), [valid, pa.py_buffer(offsets), pa.py_buffer(found)])


def _alpn(table: Table, data: Bytes, lists: Records, into: Into) -> pa.Array:
    """A column of the names of ALPN; those of all hellos follow each other in `names`."""
    offsets = np.append(lists["start"], into.used["names"]).astype(np.int32)
    spans = into.names[: into.used["names"][0]]
    names = texts(data, spans["start"], spans["end"])
    return pa.ListArray.from_arrays(pa.array(offsets), names, type=column_type(table, "alpn"))


def _ja3(hellos: Records, into: Into) -> tuple[pa.Array, pa.Array]:
    """The text of JA3 or JA3S, and its MD5."""
    spans, data = hellos["ja3"], into.text.data
    digests = [
        md5(data[start:end], usedforsecurity=False).hexdigest() if start >= 0 else None
        for start, end in zip(spans["start"].tolist(), spans["end"].tolist(), strict=True)
    ]
    return _bytes(into.text, spans, pa.string()), pa.array(digests, pa.string())


def _ja4(hellos: Records, into: Into) -> tuple[pa.Array, pa.Array]:
    """JA4 and JA4_r."""
    data = into.text.data
    found: list[str | None] = []
    parts = [hellos[name][side].tolist() for name in ("ja4", "suites", "rest") for side in ("start", "end")]
    for first, first_end, suites, suites_end, rest, rest_end in zip(*parts, strict=True):
        if first < 0:
            found.append(None)
            continue
        begin = str(data[first:first_end], "ascii")
        found.append(f"{begin}_{_short(data[suites:suites_end])}_{_short(data[rest:rest_end])}")
    whole = np.empty(len(hellos), SPAN)
    whole["start"], whole["end"] = hellos["ja4"]["start"], hellos["rest"]["end"]
    return pa.array(found, pa.string()), _bytes(into.text, whole, pa.string())


def _short(written: memoryview) -> str:
    """The hash of one part of JA4."""
    return sha256(written).hexdigest()[:12] if len(written) else NOTHING


def _is_retry(random: pa.Array) -> Nullable:
    """Whether a random value is that of a HelloRetryRequest; null without one."""
    values = random.to_pylist()
    return Nullable(
        np.array([value == RETRY for value in values], np.bool_), np.array([v is not None for v in values], np.bool_)
    )
