"""The table of SOCKS."""

from __future__ import annotations

from netlake.schema import Column, List, Message, Table

SOCKS = Table(
    "socks",
    "One row for each request to a SOCKS proxy.",
    spec="RFC 1928, RFC 1929",
    context="stream",
    why="tshark shows each message in its own packet, a row has all of an exchange",
    message=Message(
        "SOCKS{version} {command:1=CONNECT,2=BIND,3=UDP ASSOCIATE}"
        " [{target_domain}[:{target_port}]|{target_ip}[:{target_port}]][ by {user}][: reply {reply}]",
        "remote",
    ),
    columns=(
        Column("version", "u8", "Version: 4 or 5; 4a is 4 with a domain.", wireshark="socks.version"),
        Column("methods", List("u8"), "Version 5: methods of authentication that the client offers; 0 is none, 2 user "
               "and password.", wireshark="socks.auth_method"),
        Column("method", "u8", "Version 5: method that the proxy chose; 255 is none.",
               wireshark="socks.auth_accepted_method"),
        Column("user", "text", "User of version 4, or of method 2; the password is not stored.",
               wireshark="socks.username"),
        Column("auth_status", "u8", "Reply to the user and password; 0 is success.", wireshark="socks.auth_status"),
        Column("command", "u8", "Command: 1 CONNECT, 2 BIND, 3 UDP ASSOCIATE.", wireshark="socks.command"),
        Column("target_ip", "ip", "Address that was requested.", wireshark="socks.dst"),
        Column("target_domain", "text", "Name of the host requested.", wireshark="socks.remote_name"),
        Column("target_port", "u16", "Port that was requested.", wireshark="socks.port"),
        Column("reply", "u8", "Reply of the proxy; 0 (version 5) and 90 (version 4) are success.",
               wireshark="socks.results"),
        Column("bound_ip", "ip", "Address that the proxy uses.", wireshark="socks.dst"),
        Column("bound_domain", "text", "Name that the proxy gives instead of an address."),
        Column("bound_port", "u16", "Port that the proxy uses.", wireshark="socks.port"),
    ),
)  # fmt: skip
