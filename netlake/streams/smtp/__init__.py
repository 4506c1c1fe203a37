"""SMTP (RFC 5321) and LMTP (RFC 2033): mail transactions.

Decided here:
- A row is a transaction, from MAIL to the reply to its content, or to the command that ends it before (RSET, QUIT, a
  hello, MAIL); STARTTLS, to its reply; or the whole session if it has neither. It is of the client, and has what the
  session had before: greeting, hello, AUTH.
- Replies belong to commands in their order, also of pipelined ones (RFC 2920). After a gap those to the commands before
  it are not known. At most 256 commands wait for their reply.
- Of the content there are the size and the SHA-256, without the dots that were added for transport. It is read as a
  mail (netlake.streams.mail), in the thread of contents.
- Passwords are not stored: of the responses of AUTH only the user of PLAIN and LOGIN is kept.
- After STARTTLS was accepted the connection is TLS, and looked at anew (netlake.pipeline.handed). Lines that a client
  sends between STARTTLS and its reply are commands; what begins as TLS there waits for the reply.
- A transaction that ends with its connection has the fault `short_header`, one with a gap `cut`; `bad_value` one whose
  BDAT has other arguments than a size and LAST, which has no chunk then; `too_large` if addresses of open transactions
  have more than 64 KiB, the rest of which is left out.
- A mail has the fault of its transaction only if it is not complete.
- The server is the side that says the first line with a code. Lines that are neither a command nor a reply are counted
  as undecoded bytes.
"""

from __future__ import annotations

from netlake.layers.streamed import Stream
from netlake.streams.smtp.declared import SMTP_TRANSACTION
from netlake.streams.smtp.machine import SmtpMachine, first_look

TABLES = (SMTP_TRANSACTION,)
STREAMS = (
    Stream(
        name="smtp",
        probe=first_look,
        tables=("smtp_transaction", "mail", "file"),
        starts=(b"220", b"554", b"EHLO", b"HELO", b"LHLO", b"ehlo", b"helo", b"lhlo", b"Ehlo", b"Helo"),
        ports=(24, 25, 587, 2525),
        machine=SmtpMachine,
    ),
)
