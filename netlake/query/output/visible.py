"""Escapes control and reordering characters in single strings; `say` prints a message. Standard library only."""

from __future__ import annotations

import re
import sys

# C0, DEL and C1 controls; Unicode characters that reorder or break a line: directional marks, embeddings, isolates,
# separators
_REORDERING = "\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff"
EVERY = re.compile(f"[\\x00-\\x1f\\x7f-\\x9f{_REORDERING}]")
# bytes of file names that are not UTF-8, as Python represents them; Arrow has no such text
_BYTES = re.compile("[\udc80-\udcff]")
ALL_BUT_SPACES = re.compile(f"[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f{_REORDERING}]")
SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def visible(match: re.Match[str]) -> str:
    r"""The escape of a matched character: `\x1b`, `\u202e`."""
    code = ord(match[0])
    return SHORT.get(match[0]) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def harmless(value: str) -> str:
    """`value` with control and reordering characters escaped, and bytes that are not UTF-8."""
    return _BYTES.sub(lambda match: f"\\x{ord(match[0]) - 0xDC00:02x}", EVERY.sub(visible, value))


def say(sentence: str, lines: tuple[str, ...] = ()) -> None:
    """Print one line to stderr, escaped, so that text from captures or file names cannot control the terminal.

    `lines` follow it, indented and escaped too.
    """
    sys.stderr.write(f"netlake: {harmless(sentence)}\n")
    sys.stderr.writelines(f"  {harmless(line)}\n" for line in lines)
    sys.stderr.flush()
