"""What is nearest to a name that does not exist: every refusal of a name says so in the same words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from netlake.errors import QueryError
from netlake.query.output.visible import harmless


def unknown(what: str, name: str, known: Iterable[str], where: str = "") -> QueryError:
    """The error for `name`, which is no `what`: one sentence with the nearest of `known`."""
    every = sorted(known)
    near = difflib.get_close_matches(name.lower(), every, n=3, cutoff=0.6)
    near += [other for other in every if name and (name in other or other in name) and other not in near]
    hint = f"; nearest {'is' if len(near) == 1 else 'are'} {_listed(near[:4])}" if near else ""
    return QueryError(f"There is no {what} {harmless(name)}{where}{hint}.")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
