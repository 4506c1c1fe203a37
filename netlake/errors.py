"""What a caller may want to catch.

    NetlakeError              anything below; its text is one sentence for a person: what, where, what to do
    ├── InputError            a capture cannot be opened, or is not a capture
    ├── LakeError             a lake is missing, damaged, of an unknown layout, or in use
    ├── SchemaError           a table's declaration breaks a rule or the frozen contract
    └── QueryError            a filter, a column or a statement that the user gave is wrong

Malformed traffic is not among them: it is data, kept and marked (see `netlake.schema.faults`).
"""


class NetlakeError(Exception):
    """Root of the tree: the command line prints its text and exits with 1."""


class InputError(NetlakeError):
    """A capture cannot be opened, or is not a capture."""


class LakeError(NetlakeError):
    """A lake is missing, damaged, of an unknown layout, or in use."""


class SchemaError(NetlakeError):
    """The declaration of a table breaks a rule or the frozen contract."""


class QueryError(NetlakeError):
    """A filter, a column or a statement that the user gave is wrong."""
