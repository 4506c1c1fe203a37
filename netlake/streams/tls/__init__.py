"""TLS and SSL 3.0: hellos, alerts and certificates that are not encrypted, over TCP.

Hellos and certificates in datagrams (QUIC, DTLS) are joined by netlake.layers.handshake, and are rows of the same
tables; alerts in datagrams are not.

Decided here:
- Rows are handshake messages, whatever records and segments they are in; `record_version` is that of the record in
  which a message begins. Certificates of TLS 1.3 are encrypted.
- A message that ends early is a row: fault `cut` if the capture lacks bytes of it, `short_header` if the stream ended,
  `too_large` if it is larger than netlake.kernels.tls_state.MOST. It has the fields before its end.
- Of the fingerprints only those whose specification is free are made: JA3, JA3S and JA4 of clients.
- SSL 2.0 has another record layer; its streams are not taken, except a ClientHello in its format that offers SSL 3.0 or
  TLS: a row with `record_version` 2, whose `random` is the challenge.
"""

from __future__ import annotations

from netlake.layers.streamed import Stream
from netlake.packets import Columns, Messages
from netlake.streams.tls.alerts import read_alerts
from netlake.streams.tls.certificates import Certificates
from netlake.streams.tls.declared import ALERT, CLIENT_HELLO, SERVER_HELLO, X509
from netlake.streams.tls.decrypt.decryptor import TlsDecryptor
from netlake.streams.tls.hellos import read_client, read_server
from netlake.streams.tls.walker import TlsWalker, first_look

TABLES = (CLIENT_HELLO, SERVER_HELLO, ALERT, X509)
STREAMS = (
    Stream(
        name="tls",
        probe=first_look,
        tables=tuple(table.name for table in TABLES),
        starts=(b"\x14\x03", b"\x15\x03", b"\x16\x03", b"\x17\x03", b"\x80?\x01\x03"),
        ports=(443, 465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 5061, 8443),
        walker=TlsWalker,
        decryptor=TlsDecryptor,
    ),
)

read_tls_client_hello = read_client
read_tls_server_hello = read_server
read_tls_alert = read_alerts
memory_x509 = Certificates


def read_x509(messages: Messages, memory: Certificates | None = None) -> tuple[Messages, Columns]:
    """Rows of certificates; `memory` has the fields of those that were read last."""
    return (memory or Certificates()).read(messages)
