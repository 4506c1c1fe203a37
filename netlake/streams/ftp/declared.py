"""The table of FTP."""

from __future__ import annotations

from netlake.schema import Column, Message, Table

FTP_COMMAND = Table(
    "ftp_command",
    "One row for each FTP command with its reply, and for each reply without a command.",
    spec="RFC 959, RFC 2428, RFC 4217",
    context="stream",
    why="tshark shows each message in its own packet, a row has all of an exchange",
    message=Message("FTP [{command}|reply][ {argument}][: {code} {message}|: {code}][ (user {user})]", "files"),
    columns=(
        Column("exchange", "i32", "Number of the command in the flow, from 0; null without one."),
        Column("command", "word", "Command, in upper case; null for a reply without one.",
               wireshark="ftp.request.command"),
        Column("argument", "text", "Argument, as sent; null for PASS, ACCT, ADAT and SITE PSWD, and without one.",
               wireshark="ftp.request.arg"),
        Column("code", "u16", "Code of the final reply; null without one.", wireshark="ftp.response.code"),
        Column("message", "text", "Text of the final reply without codes, lines joined by LF.",
               wireshark="ftp.response.arg"),
        Column("preliminary_code", "u16", "Code of the preliminary reply (1xx), such as 150; null without one.",
               wireshark="ftp.response.code"),
        Column("user", "text", "Argument of the last USER before the reply."),
        Column("cwd", "text", "Directory in which the command is executed; null if it is not known."),
        Column("passive", "bool", "Whether the server listens for the data connection (PASV, EPSV), or the client "
               "(PORT, EPRT); null for other commands."),
        Column("data_ip", "ip", "Address of the data connection; null for EPSV: that of the server."),
        Column("data_port", "u16", "Port of the data connection."),
    ),
)  # fmt: skip
