"""The table of SMTP."""

from __future__ import annotations

from netlake.schema import Column, List, Message, Struct, Table

RECIPIENT = Struct(
    (
        Column("address", "text", "Address of RCPT, without angle brackets.", wireshark="smtp.req.parameter"),
        Column("code", "u16", "Code of the reply; null without one.", wireshark="smtp.response.code"),
    )
)
SMTP_TRANSACTION = Table(
    "smtp_transaction",
    "One row for each mail transaction (MAIL to the reply to its content), STARTTLS, or session without either.",
    spec="RFC 5321, RFC 3207, RFC 3030, RFC 4954",
    context="stream",
    why="tshark has one field for the argument of any command",
    message=Message(
        "SMTP[ by {helo}][ from {mail_from}][ to {recipients.address}][, {data_size} B][, user {auth_user}"
        "[ {auth_code}]][, {starttls?}STARTTLS][: {end_code} {end_text}|: {mail_code}]",
        "email",
    ),
    columns=(
        Column("transaction", "i32", "Number of the row in the flow, from 0."),
        Column("greeting", "text", "First reply of the server, without its code."),
        Column("helo", "text", "Argument of the last HELO, EHLO or LHLO.", wireshark="smtp.req.parameter"),
        Column("extended", "bool", "Whether that was EHLO or LHLO; null without one."),
        Column("auth_method", "word", "Mechanism of the last AUTH of the session, such as PLAIN."),
        Column("auth_user", "text", "User of AUTH PLAIN or LOGIN; passwords are not stored."),
        Column("auth_code", "u16", "Code of the last reply to AUTH; 235 is success."),
        Column("starttls", "bool", "Whether the server accepted STARTTLS; what follows is TLS."),
        Column("mail_from", "text", "Address of MAIL, without angle brackets; empty for <>; null without MAIL.",
               wireshark="smtp.req.parameter"),
        Column("mail_parameters", List("text"), "Parameters of MAIL, such as SIZE=100."),
        Column("mail_code", "u16", "Code of the reply to MAIL.", wireshark="smtp.response.code"),
        Column("recipients", List(RECIPIENT), "Recipients (RCPT)."),
        Column("data_code", "u16", "Code of the reply to DATA; 354 is to go on.", wireshark="smtp.response.code"),
        Column("data_size", "i64", "Bytes of the content, dots that were added for transport and gaps included; null "
               "without content."),
        Column("data_sha256", "text", "SHA-256 of the content without these dots; null if it is incomplete."),
        Column("end_code", "u16", "Code of the reply to the content, or to the command that ended the transaction.",
               wireshark="smtp.response.code"),
        Column("end_text", "text", "Text of that reply, lines joined by LF.", wireshark="smtp.rsp.parameter"),
    ),
)  # fmt: skip
