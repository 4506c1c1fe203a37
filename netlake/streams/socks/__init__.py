"""SOCKS 4, 4a and 5 (RFC 1928, RFC 1929): one row for each request of a proxy, and what is spoken through it.

Decided here:
- A row is one connection: from the client's first byte to the proxy's reply to the request. Where it ends before the
  reply, the row has what was said, and the fault `short_header`; `cut` if bytes are missing before the reply.
- After a reply that grants CONNECT, or the second one of BIND, both directions are looked at anew
  (netlake.pipeline.handed). What the client sends before the reply belongs to that.
- Passwords (RFC 1929) are not stored. Of other methods with messages of their own, such as GSSAPI, nothing behind the
  choice of the method is read.
- A stream off port 1080 is SOCKS 5 only if a request or a login follows the methods; SOCKS 4 if its request is complete
  and has a command, a port and a printable user.
"""

from __future__ import annotations

from netlake.layers.streamed import Stream
from netlake.streams.socks.declared import SOCKS
from netlake.streams.socks.machine import SocksMachine, first_look, look_on_port

TABLES = (SOCKS,)
STREAMS = (
    Stream(
        name="socks",
        probe=first_look,
        port_probe=look_on_port,
        tables=("socks",),
        starts=(b"\x04\x01", b"\x04\x02", b"\x05"),
        ports=(1080,),
        machine=SocksMachine,
    ),
)
