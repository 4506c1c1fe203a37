"""The exceptions that netlake raises for its callers.

    NetlakeError                root; its text is one sentence for the user: what happened, where, what to do
    ├── InputError              a capture cannot be opened, or is not a capture
    ├── LakeError               a lake is damaged, in use, or of an unknown layout or another contract
    │   └── MissingLakeError    there is no lake
    ├── SchemaError             a table's declaration breaks a rule or the frozen contract
    └── QueryError              a filter, column name or SQL statement of the user is invalid

Malformed traffic raises none of them: its rows are kept, with a fault (see `netlake.schema.faults`).
"""


class NetlakeError(Exception):
    """Root of the exceptions; the command line prints its text and exits with 1."""


class InputError(NetlakeError):
    """A capture cannot be opened, or is not a capture."""


class LakeError(NetlakeError):
    """A lake is damaged, in use, or of an unknown layout or another contract."""


class MissingLakeError(LakeError):
    """There is no lake at the path."""


class SchemaError(NetlakeError):
    """The declaration of a table breaks a rule or the frozen contract."""


class QueryError(NetlakeError):
    """A filter, column name or SQL statement of the user is invalid."""
