"""Mails: what protocols of mail transfer, one row for each, whatever the protocol.

Decided here:
- Headers are decoded (RFC 2047), and unfolded; of a header with a column the first one counts, `headers` has all.
- Parts are those with a content: a multipart is not one, a message within the mail is, followed by its own parts. The
  content of each is a row of `file`, with the name and the type that the part declares. `name` is a text of the sender.
- A mail that is not complete has the parts that were captured; each part says in `file` what it lacks.
- `text` is the beginning of the first text, `links` are http, https and ftp addresses in all texts, as they are written
  there. They are for finding mails; the whole text is a file.
- Limits are in netlake.layers.mime; beyond them the row has the fault `too_deep` or `too_large`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.contents import file_fields
from netlake.layers.mime import Mail, MailReader, Part, fields_of
from netlake.layers.mime_headers import decoded
from netlake.schema import Column, List, Message, Struct, Table

__all__ = ["MAIL", "TABLES", "MailReader", "of_transaction", "rows_of"]

HEADER = Struct(
    (
        Column("name", "word", "Name of the header, as sent."),
        Column("value", "text", "Value, unfolded."),
    )
)
PART = Struct(
    (
        Column("content_type", "word", "Media type that the part declares."),
        Column("name", "text", "File name that the part declares."),
        Column("disposition", "word", "Disposition: attachment or inline."),
        Column("encoding", "word", "Transfer encoding, such as base64."),
        Column("depth", "u8", "Number of multiparts and messages that contain it."),
        Column("size", "i64", "Bytes of the content; null for a message, whose parts follow."),
        Column("detected_type", "word", "Media type by the first bytes of the content."),
        Column("sha256", "text", "SHA-256 of the content."),
    )
)
MAIL = Table(
    "mail",
    "One row for each mail that a protocol of mail transferred.",
    spec="RFC 5322, RFC 2045, RFC 2047",
    context="stream",
    why="tshark reads a mail in the packet in which it ends",
    message=Message(
        'mail[ "{subject}"][ from {header_from}| from {mail_from}][ to {header_to}| to {recipients}][, parts'
        " {parts.name}][, {size} B]",
        "email",
    ),
    columns=(
        Column("source", "word", "Table with the message that contains it."),
        Column("transaction", "i32", "Number of the transaction in the flow, as in `source`."),
        Column("mail_from", "text", "Sender of the envelope."),
        Column("recipients", List("text"), "Recipients of the envelope that were accepted, or all if no reply to them "
               "was captured."),
        Column("header_from", "text", "Header From, decoded.", wireshark="imf.from"),
        Column("header_to", "text", "Header To, decoded.", wireshark="imf.to"),
        Column("header_cc", "text", "Header Cc, decoded.", wireshark="imf.cc"),
        Column("reply_to", "text", "Header Reply-To, decoded.", wireshark="imf.reply_to"),
        Column("subject", "text", "Header Subject, decoded.", wireshark="imf.subject"),
        Column("date", "text", "Header Date, as sent.", wireshark="imf.date"),
        Column("message_id", "text", "Header Message-ID.", wireshark="imf.message_id"),
        Column("in_reply_to", "text", "Header In-Reply-To.", wireshark="imf.in_reply_to"),
        Column("reference_ids", List("text"), "Message ids in the header References.", wireshark="imf.references"),
        Column("received", List("text"), "Headers Received, the latest first.", wireshark="imf.received"),
        Column("user_agent", "text", "Header User-Agent, else X-Mailer.", wireshark="imf.user_agent"),
        Column("originating_ip", "text", "Header X-Originating-IP, as sent."),
        Column("headers", List(HEADER), "All headers, in order, as sent."),
        Column("parts", List(PART), "Parts with a content, in order."),
        Column("text", "text", "Beginning of the first text, at most 4,096 characters."),
        Column("links", List("text"), "Links in texts, at most 64, each once."),
        Column("size", "i64", "Bytes of the mail that were captured."),
        Column("missing_bytes", "i64", "Bytes of the mail that were not captured."),
        Column("sha256", "text", "SHA-256 of the mail; null if it is incomplete."),
        Column("complete", "bool", "Whether the whole mail was captured."),
    ),
)  # fmt: skip
TABLES = (MAIL,)


def of_transaction(source: str, fields: dict[str, Any], missing: int) -> dict[str, Any]:
    """The columns of a mail that its transaction has."""
    recipients = fields.get("recipients", [])
    refused = [one for one in recipients if one["code"] is not None and one["code"] >= 300]
    taken = [one["address"] for one in recipients if one not in refused]
    digest = fields.get("data_sha256")
    return {
        "source": source, "transaction": fields["transaction"], "mail_from": fields.get("mail_from"),
        "recipients": taken, "missing_bytes": missing, "sha256": digest, "complete": digest is not None,
    }  # fmt: skip


def rows_of(fields: dict[str, Any], content: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The row of a mail that was read (netlake.layers.mime.Mail), and those of its files."""
    found = content if isinstance(content, Mail) else Mail()
    headers = found.headers
    columns: dict[str, Any] = {
        "header_from": decoded(headers.first("from")), "header_to": decoded(headers.first("to")),
        "header_cc": decoded(headers.first("cc")), "reply_to": decoded(headers.first("reply-to")),
        "subject": decoded(headers.first("subject")), "date": headers.first("date"),
        "message_id": headers.first("message-id"), "in_reply_to": headers.first("in-reply-to"),
        "reference_ids": (headers.first("references") or "").split(), "received": headers.every("received"),
        "user_agent": headers.first("user-agent", "x-mailer"), "originating_ip": headers.first("x-originating-ip"),
        "headers": [{"name": name, "value": value} for name, value in headers.pairs],
        "parts": [_part(part) for part in found.parts], "text": found.text, "links": found.links,
        "size": found.size,
    }  # fmt: skip
    yield "mail", fields | columns
    for part in found.parts:
        if part.content is not None and (part.content.content_size or part.missing):
            source = {"source": "mail", "exchange": fields.get("transaction")}
            yield "file", source | fields_of(part, is_end_known=bool(fields["complete"])) | file_fields(part.content)


def _part(part: Part) -> dict[str, Any]:
    content = part.content
    fields: dict[str, Any] = {
        "content_type": part.headers.content_type, "name": part.headers.name,
        "disposition": part.headers.disposition, "encoding": part.headers.encoding or None, "depth": part.depth,
    }  # fmt: skip
    known = {} if content is None else file_fields(content)
    return fields | {name: known.get(name) for name in ("size", "detected_type", "sha256")}
