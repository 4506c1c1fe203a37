"""Hooks: the functions of a protocol module that netlake calls, found by name, once.

Rules:
- A hook is named `VERB`, or `VERB_TABLE` where the module declares several tables. The verbs are the fields of
  `Hooks`.
- `hooks_of` is the only place that looks functions up by name; decoding and the tests use its result.
- A function with a name similar to a hook's that is not a hook, and a table without a way to read its rows, are errors
  in the module. `mistakes` returns them as sentences; without this check they would cause null columns and no message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from difflib import get_close_matches
from types import FunctionType, ModuleType
from typing import Any

from netlake.packets import Columns, Cursor, Mask, Messages, Tiny
from netlake.schema import Table


@dataclass(frozen=True, slots=True)
class Hooks:
    """The hooks of one table, None where it has none.

    - `read(messages)`: columnar reader; returns columns, or (messages, columns) where rows are not messages one for one
    - `parse(cursor)`: reads one message; a generator of (column, value)
    - `memory()`: what `parse` remembers between messages, as `cursor.memory`: a new, bounded object for each capture;
      with `read` its second argument. If it is a netlake.layers.handshake.Carrier, handshake messages that it has found
      become rows of the tables of TLS
    - `probe(messages)`: mask of the UDP payloads that are this table's, whatever their ports
    - `evidence()`: with it, `probe` returns candidates, which a new object for each capture judges
      (netlake.layers.evidence)
    - `accept(messages)`: mask of the messages on the table's own ports that can be this table's
    - `opens(messages)`: mask of the messages on the table's port which a server answers from a new port of its own
    - `continues(messages)`: mask of the payloads that can be between such a port and the client (see
      netlake.layers.transfers)
    - `doubt(messages)`: mask of accepted messages that may be another table's: its probe has priority
    - `entropy(messages, columns)`: values of the column `entropy`, called only with `--entropy`
    - `fill_from_flow(messages, columns, shifts)`: adds columns that depend on the flow; `shifts` is the
      window scale of each message's segment in bits, -1 if unknown
    """

    read: Callable[..., Columns | tuple[Messages, Columns]] | None = None
    parse: Callable[[Cursor], Iterator[tuple[str, Any]]] | None = None
    memory: Callable[[], Any] | None = None
    probe: Callable[[Messages], Mask] | None = None
    evidence: Callable[[], Any] | None = None
    accept: Callable[[Messages], Mask] | None = None
    opens: Callable[[Messages], Mask] | None = None
    continues: Callable[[Messages], Mask] | None = None
    doubt: Callable[[Messages], Mask] | None = None
    entropy: Callable[[Messages, Columns], Any] | None = None
    fill_from_flow: Callable[[Messages, Columns, Tiny], None] | None = None


VERBS = tuple(field.name for field in fields(Hooks))


def hooks_of(module: ModuleType, table: Table) -> Hooks:
    """The hooks that `module` has for `table`."""
    return Hooks(**{verb: _function(module, verb, table) for verb in VERBS})


def _function(module: ModuleType, verb: str, table: Table) -> Any:
    """`VERB_TABLE` of the module, else `VERB` if it declares one table only."""
    own = getattr(module, f"{verb}_{table.name}", None)
    if own is not None or len(module.TABLES) > 1:
        return own
    return getattr(module, verb, None)


def mistakes(module: ModuleType) -> Iterator[str]:
    """A sentence for each function with a name similar to a hook's, and for each table that could have no rows."""
    tables: tuple[Table, ...] = tuple(module.TABLES)
    called = {verb for verb in VERBS if len(tables) == 1}
    called |= {f"{verb}_{table.name}" for verb in VERBS for table in tables}
    for name, value in vars(module).items():
        if isinstance(value, FunctionType) and value.__module__ == module.__name__ and name not in called:
            yield from _misspelt(name, called)
    for table in tables:
        yield from _unreadable(module, table)


def _misspelt(name: str, called: set[str]) -> Iterator[str]:
    """Functions that are not hooks need a name that begins with an underscore or resembles no hook."""
    if name.startswith("_"):
        return
    near = get_close_matches(name, sorted(called | set(VERBS)), n=1, cutoff=0.75)
    if near and near[0] in called:
        yield f"its function {name} is not a hook; rename it to {near[0]}, or to _{name} if it is a helper"
    elif near or name.split("_", maxsplit=1)[0] in VERBS:
        hooks = ", ".join(sorted(hook for hook in called if hook.startswith((near or [name])[0].split("_")[0])))
        yield f"its function {name} is not a hook of any of its tables; the hooks are {hooks}"


def _unreadable(module: ModuleType, table: Table) -> Iterator[str]:
    """A table without a way to its messages, or without a way to read them."""
    hooks = hooks_of(module, table)
    if not table.on and hooks.probe is None:
        yield f"its table {table.name} has neither dispatch keys in `on` nor a probe, so it would have no rows"
    elif hooks.read is None and hooks.parse is None and all(column.at is None for column in table.columns):
        yield f"its table {table.name} has no `read`, no `parse` and no column with `at`, so its rows would be empty"
