"""The exceptions that netlake raises for its callers.

    NetlakeError                root; its text is one sentence for the user: what happened, where, what to do
    ├── InputError              a capture cannot be opened, or is not a capture
    ├── LakeError               a lake is damaged, in use, or of an unknown layout or another contract
    │   ├── MissingLakeError    there is no lake
    │   └── FullDiskError       the disk of a lake is full
    ├── TruthError              a ground truth cannot be read, or has nothing to import
    ├── SchemaError             a table's declaration breaks a rule or the frozen contract
    └── QueryError              a filter, column name or SQL statement of the user is invalid
        └── OptionError         the value of an option is invalid; the command line exits with 2
            └── FilterError     a display filter is invalid; its text has the filter and a caret under the place

Malformed traffic raises none of them: its rows are kept, with a fault (see `netlake.schema.faults`).
"""

from __future__ import annotations


class NetlakeError(Exception):
    """Root of the exceptions; the command line prints its text and exits with `exit_code`."""

    exit_code = 1
    # further lines for the user, printed as they are
    lines: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The text without further lines."""
        return super().__str__()


class InputError(NetlakeError):
    """A capture cannot be opened, or is not a capture."""


class LakeError(NetlakeError):
    """A lake is damaged, in use, or of an unknown layout or another contract."""


class MissingLakeError(LakeError):
    """There is no lake at the path."""


class FullDiskError(LakeError):
    """The disk of a lake is full, or its quota is exhausted: no further capture can be written."""


class TruthError(NetlakeError):
    """A ground truth cannot be read, or has nothing to import."""


class SchemaError(NetlakeError):
    """The declaration of a table breaks a rule or the frozen contract."""


class QueryError(NetlakeError):
    """A filter, column name or SQL statement of the user is invalid.

    `lines` are the line of the statement with the mistake and carets below it; empty if not known.
    """


class OptionError(QueryError):
    """The value of an option is invalid; the sentence names the option."""

    exit_code = 2


class FilterError(OptionError):
    """A display filter is invalid, or needs what the lake does not have.

    With a place, the sentence is followed by two lines: the filter, and a caret under the character.
    """

    @classmethod
    def at(cls, source: str, position: int, reason: str) -> FilterError:
        """An error at a character of the filter `source`; line feeds and tabs in it are shown as spaces."""
        found = cls(f"--filter: character {position + 1}: {reason}.")
        shown = "".join(character if character.isprintable() else " " for character in source)
        found.lines = (shown, " " * position + "^")
        return found

    def __str__(self) -> str:
        return "\n".join([self.sentence, *(f"  {line}" for line in self.lines)])
