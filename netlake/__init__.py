"""netlake: decodes network captures into typed tables, and queries them with SQL.

    netlake.decode("x.pcap")["dns"]              an Arrow table, without a lake
    netlake.capture(["x.pcap"], "lake")          writes a lake
    netlake.Lake("lake").sql("FROM dns").pl()    queries it, as a Polars data frame

`import netlake` imports this file only; each public name is imported at its first use, with its dependencies.
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

_MODULES = {
    "Lake": "netlake.query.lake",
    "capture": "netlake.pipeline",
    "decode": "netlake.pipeline",
    **dict.fromkeys(("InputError", "LakeError", "NetlakeError", "QueryError", "SchemaError"), "netlake.errors"),
}


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module 'netlake' has no attribute {name!r}")
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
