"""WebSocket (RFC 6455) behind HTTP/1: frames of both sides.

Decided here:
- A row is a frame, as in Wireshark and Zeek. `message` is the number of the message of its side that a data frame
  belongs to; a message of several frames begins with one without `fin`, and continuation frames follow. Control frames
  can be between them.
- Only streams that a response with `Upgrade: websocket` announced are read (netlake.pipeline.handed), and only if they
  begin with a frame that the RFC allows first.
- Payloads are unmasked. `text` are the first 1,024 bytes of a text frame, or of a continuation of one, without
  compression (bit RSV1, RFC 7692; netlake.streams.websocket.inflate). `close_code` and `close_reason` are those of a
  close frame.
- What the RFC forbids is kept: `bad_value` is the fault of a frame with an unknown opcode or reserved bits, of one
  whose length has not the shortest form, of a control frame without `fin` or of more than 125 bytes, of a continuation
  of nothing, and of a message in another one.
- A frame with a gap in its payload has the fault `cut`; behind another gap, or a close frame of the side, nothing of
  the side is read.
"""

from __future__ import annotations

from netlake.layers.streamed import Stream
from netlake.streams.websocket.declared import WEBSOCKET
from netlake.streams.websocket.machine import WebSocketMachine, first_look

TABLES = (WEBSOCKET,)
STREAMS = (
    Stream(
        name="websocket",
        probe=first_look,
        tables=("websocket",),
        tokens=("websocket",),
        machine=WebSocketMachine,
    ),
)
