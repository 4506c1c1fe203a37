"""Characters that a terminal obeys or that reorder a line, made visible. Pure Python, for single texts and messages."""

from __future__ import annotations

import re
import sys

# C0, DEL and C1; and what reorders or breaks a line of Unicode: directional marks, embeddings, isolates, separators
_REORDERING = "\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff"
EVERY = re.compile(f"[\\x00-\\x1f\\x7f-\\x9f{_REORDERING}]")
ALL_BUT_SPACES = re.compile(f"[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f{_REORDERING}]")
SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def visible(match: re.Match[str]) -> str:
    r"""What is written for a matched character: `\x1b`, `\u202e`."""
    code = ord(match[0])
    return SHORT.get(match[0]) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def harmless(value: str) -> str:
    """One text with control and reordering characters made visible."""
    return EVERY.sub(visible, value)


def say(sentence: str) -> None:
    """One line on stderr; what came from the wire or from a file's name cannot steer the terminal."""
    sys.stderr.write(f"netlake: {harmless(sentence)}\n")
    sys.stderr.flush()
