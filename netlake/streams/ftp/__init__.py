"""FTP (RFC 959, RFC 2428): commands with their replies, and the files of data connections.

Decided here:
- A row is one command with its final reply, from its first byte to the end of the reply; or a reply without a command,
  such as the greeting; or a command without a reply. `command` is null in the second case, and in a line that is no
  command; `code` in the third.
- Replies belong to commands in their order. After a gap those to the commands before it are not known (fault `cut`). At
  most 256 commands, and 64 KiB of them, wait for their replies.
- The arguments of PASS, ACCT, ADAT and SITE PSWD are not stored. Of a line whose first word has other characters than
  letters, and digits behind them, nothing is stored, because it can be a password: its row has the fault `bad_value`.
- `user` is the argument of the last USER, as Zeek logs it.
- `cwd` is the directory in which a command is executed, as far as replies to PWD, CWD and CDUP have shown it.
- PORT, EPRT and replies to PASV, EPSV announce a data connection (netlake.layers.dialog.Expect). Its file belongs to
  the last command that transfers something (RETR, STOR, STOU, APPE, LIST, NLST, MLSD) before its first byte: `exchange`
  is the number of that command in its flow, `source_flow` the flow. Listings have no name.
- A file is complete if its sender closed the connection with a FIN, and no byte is missing.
- After AUTH was accepted the control connection is TLS, and looked at anew (netlake.pipeline.handed).
- A stream on port 21 is FTP if it begins with a reply or a command; on other ports the greeting contains `FTP`.
"""

from __future__ import annotations

from netlake.layers.streamed import Stream
from netlake.streams.ftp.data import FtpData, nothing
from netlake.streams.ftp.declared import FTP_COMMAND
from netlake.streams.ftp.machine import FtpMachine, first_look, look_on_port

TABLES = (FTP_COMMAND,)
STREAMS = (
    Stream(
        name="ftp",
        probe=first_look,
        port_probe=look_on_port,
        tables=("ftp_command", "file"),
        starts=(b"220", b"120", b"421"),
        ports=(21,),
        machine=FtpMachine,
        announces=True,
    ),
    Stream(name="ftp_data", probe=nothing, tables=("file",), machine=FtpData, is_announced=True),
)
