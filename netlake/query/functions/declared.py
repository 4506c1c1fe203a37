"""The decorator that declares a function over single values, and what makes it one over Arrow arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from inspect import Parameter, Signature
from typing import Any

from netlake.query.functions import Function

# results that a function keeps: a batch has 2,048 rows, a lake rarely more addresses
KEPT = 65_536
_ARROW = {"VARCHAR": "string", "BOOLEAN": "bool_", "BLOB": "binary", "SMALLINT": "int16"}


def function(
    returns: str, example: str, *, local: bool = False, **types: str
) -> Callable[[Callable[..., Any]], Function]:
    """Declare a function by its documented Python function over values, whose arguments have the SQL `types`."""

    def declared(single: Callable[..., Any]) -> Function:
        doc = (single.__doc__ or "").strip()
        return Function(
            single.__name__, ", ".join(types), doc, example, call=single, types=tuple(types.values()), returns=returns,
            local=local,
        )  # fmt: skip

    return declared


def over_arrays(single: Callable[..., Any], count: int, returns: str) -> Callable[..., Any]:
    """A function over `count` Arrow arrays: null where an argument is null, else `single`, of the SQL type `returns`.

    The last KEPT results are kept.
    """
    cached = lru_cache(KEPT)(single)

    def call(*columns: Any) -> Any:
        import pyarrow as pa

        rows = zip(*(column.to_pylist() for column in columns), strict=True)
        return pa.array([None if None in row else cached(*row) for row in rows], getattr(pa, _ARROW[returns])())

    # DuckDB looks at the signature
    arguments = [Parameter(f"argument_{number}", Parameter.POSITIONAL_ONLY) for number in range(count)]
    call.__signature__ = Signature(arguments)  # type: ignore[attr-defined]
    return call
