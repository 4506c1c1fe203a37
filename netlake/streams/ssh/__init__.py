"""SSH (RFC 4253): identification, the algorithms that both sides offer, and their fingerprints HASSH and HASSHServer.

Decided here:
- A row is one direction of a connection: from its first byte to the end of its KEXINIT, or of its identification where
  there is no KEXINIT. It is written when both offers and the roles are known, or when its direction ends.
- The client is the side that sends the first message of a key exchange, whichever side is the originator: captures can
  begin within a handshake. Without such a message it is the originator. (With the methods of RFC 4432, which were
  withdrawn in 2020, the server would send that message.)
- The identification ends with LF, after at most 64 KiB of it and lines before it; one that is longer than RFC 4253
  allows has the fault `too_large`. SSH-1 connections have rows with their identification only.
- A row whose KEXINIT the capture lacks has the fault `cut`; `short_header` if its direction ended before; `bad_length`
  or `too_large` if the length of a packet is not possible.
- What follows the key exchange is encrypted and not read. Whether a login succeeded is not guessed: only sizes of
  segments would show it, since common ciphers encrypt the length of packets, and rows must not depend on segments.
"""

from __future__ import annotations

from netlake.layers.streamed import Stream
from netlake.streams.ssh.declared import SSH
from netlake.streams.ssh.machine import SshMachine, first_look

TABLES = (SSH,)
STREAMS = (Stream(name="ssh", probe=first_look, tables=("ssh",), starts=(b"SSH-",), ports=(22,), machine=SshMachine),)
