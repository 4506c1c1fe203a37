r"""Names of files as text that can be stored, printed and sent: escaped, and back.

A file name is any bytes without NUL and slash. Python represents bytes that are not UTF-8 as surrogates, which neither
a database nor a terminal accepts, and a line feed in a name would end a line of a list. Rules:
- `spelled` writes a byte that is not UTF-8 as `\xNN`, a control character as `\n`, `\t`, `\r`, `\xNN` or, above 0x7f,
  as `\uNNNN`, and a backslash as `\\`; all other names stay as they are. `unspelled` is its inverse.
- `normal` is the one spelling of a file: the path without symbolic links, `.` and `..`, spelled.
Code opens files by their real names and shows, stores and compares spelled ones.
"""

from __future__ import annotations

import os
import re

_UNFIT = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\\\\ud800-\udfff]")
_ESCAPE = re.compile(r"\\(\\|n|t|r|x[0-9a-f]{2}|u[0-9a-f]{4})")
_SHORT = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_LONG = {escape[1:]: character for character, escape in _SHORT.items()}


def spelled(name: str | os.PathLike[str]) -> str:
    """`name` as valid text in one line, from which `unspelled` gets the name again."""
    return _UNFIT.sub(_escape, os.fspath(name))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x80 or 0xDC80 <= code <= 0xDCFF:
        return _SHORT.get(match[0]) or f"\\x{code & 0xFF:02x}"
    return f"\\u{code:04x}"


def unspelled(text: str) -> str:
    """The name that `spelled` wrote; a backslash that begins no escape is itself."""
    return _ESCAPE.sub(_character, text)


def _character(match: re.Match[str]) -> str:
    escape = match[1]
    if escape in _LONG:
        return _LONG[escape]
    code = int(escape[1:], 16)
    return chr(code + 0xDC00 if escape[0] == "x" and code > 0x7F else code)


def normal(path: str | os.PathLike[str]) -> str:
    """The absolute path of a file without symbolic links, spelled."""
    return spelled(os.path.realpath(path))
