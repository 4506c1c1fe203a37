"""The error for an unknown name, with the most similar known names; the same wording everywhere."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from netlake.errors import QueryError
from netlake.query.output.visible import harmless
from netlake.tables import views

# tables that a command makes, and what to do if the lake has none
MADE = {
    "label": "the lake has no labels; make some: netlake label apply",
    "truth": "the lake has no ground truth; import a file: netlake label import FILE",
}


def unknown(what: str, name: str, known: Iterable[str], where: str = "") -> QueryError:
    """The QueryError for the unknown `name` of kind `what` (table, column), with the nearest names of `known`."""
    every = sorted({*known, *views()} if what == "table" else known)
    near = difflib.get_close_matches(name.lower(), every, n=3, cutoff=0.6)
    near += [other for other in every if name and (name in other or other in name) and other not in near]
    hint = "; `netlake tables --all` lists them" if what == "table" else ""
    if what == "table" and name.lower() in MADE:
        hint = f": {MADE[name.lower()]}"
    elif near:
        hint = f"; nearest {'is' if len(near) == 1 else 'are'} {_listed(near[:4])}"
    return QueryError(f"There is no {what} {harmless(name)}{where}{hint}.")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
