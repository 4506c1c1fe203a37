"""What to use instead of fields of Wireshark that netlake has in another form: the end of the message of an error."""

_LOSSES = "losses are counted for each side of a connection, such as connection.orig_retransmitted > 0"
_FLAGS = ("flags", "retransmission", "fast_retransmission", "spurious_retransmission", "out_of_order", "lost_segment")
INSTEAD = {
    "frame.protocols": 'use packet.stack, such as packet.stack contains "dns"',
    "ssl": "use tls",
    "dns.time": "match queries and responses by transaction_id in SQL",
    "http.time": "use response_delay of the view http in SQL",
    "http.request.full_uri": "use http.host and http.request.uri",
    **{f"tcp.analysis.{name}": _LOSSES for name in _FLAGS},
}
