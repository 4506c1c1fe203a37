"""netlake: captures become typed tables in an open lake, and SQL answers questions about them.

    netlake.decode("x.pcap")["dns"]              an Arrow table, no lake needed
    netlake.capture(["x.pcap"], "lake")          into a lake
    netlake.Lake("lake").sql("FROM dns").pl()    out of it

`import netlake` loads nothing but this file; each name brings what it needs when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netlake.errors import InputError, LakeError, NetlakeError, QueryError, SchemaError
    from netlake.pipeline import capture, decode
    from netlake.query.lake import Lake

__version__ = "0.1.0"
__all__ = [
    "InputError",
    "Lake",
    "LakeError",
    "NetlakeError",
    "QueryError",
    "SchemaError",
    "__version__",
    "capture",
    "decode",
]

_HOMES = {
    "Lake": "netlake.query.lake",
    "capture": "netlake.pipeline",
    "decode": "netlake.pipeline",
    **dict.fromkeys(("InputError", "LakeError", "NetlakeError", "QueryError", "SchemaError"), "netlake.errors"),
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'netlake' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
