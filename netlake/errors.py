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

Malformed traffic raises none of them: its rows are kept, with a fault (see `netlake.schema.faults`).
"""


class NetlakeError(Exception):
    """Root of the exceptions; the command line prints its text and exits with `exit_code`."""

    exit_code = 1


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

    `excerpt` is the line of the statement with the mistake, and a line with carets below it; empty if not known.
    """

    excerpt: str = ""


class OptionError(QueryError):
    """The value of an option is invalid; the sentence names the option."""

    exit_code = 2
