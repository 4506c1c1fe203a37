"""The captures that `--capture` names: by id or the beginning of one, by path, or by the name of the file.

The first rule that matches decides: id, path, name of the file, name without its endings, beginning of an id (4 digits
or more), end of a path. A name of several captures is an error that lists them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import PurePath

from netlake.errors import OptionError
from netlake.lake.facts import CaptureFacts
from netlake.query.output.visible import harmless

MOST = 4


def chosen(names: Iterable[str], captures: Sequence[CaptureFacts]) -> frozenset[str]:
    """The ids of the captures with these names; OptionError for a name of none or of several."""
    return frozenset(_one(name, captures) for name in names)


def _one(name: str, captures: Sequence[CaptureFacts]) -> str:
    rules = (
        lambda facts: facts.capture == name,
        lambda facts: name in facts.path.split("\n") or name == facts.path,
        lambda facts: name in _names(facts),
        lambda facts: name in {file.partition(".")[0] for file in _names(facts)},
        lambda facts: len(name) >= MOST and facts.capture.startswith(name),
        lambda facts: any(path.endswith(f"/{name.removeprefix('./')}") for path in facts.path.split("\n")),
    )
    for rule in rules:
        found = [facts for facts in captures if name and rule(facts)]
        if len(found) == 1:
            return found[0].capture
        if found:
            listed = "; ".join(f"{facts.capture} {harmless(facts.called)}" for facts in found[:MOST])
            more = ", ..." if len(found) > MOST else ""
            raise OptionError(
                f"--capture: {harmless(name)} is the name of {len(found)} captures: {listed}{more}; give the id of one."
            )
    raise _unknown(name, captures)


def _names(facts: CaptureFacts) -> list[str]:
    return [PurePath(path).name for path in facts.path.split("\n")]


def _unknown(name: str, captures: Sequence[CaptureFacts]) -> OptionError:
    known = {word: facts for facts in captures for word in (facts.capture, *_names(facts), *facts.path.split("\n"))}
    known |= {file.partition(".")[0]: facts for facts in captures for file in _names(facts)}
    near = difflib.get_close_matches(name, known, n=MOST, cutoff=0.6)
    near += [word for word in known if name and name in word and word not in near]
    hint = f"; nearest {'is' if len(near) == 1 else 'are'} {', '.join(map(harmless, near[:MOST]))}" if near else ""
    return OptionError(f"--capture: the lake has no capture {harmless(name)}{hint}; `netlake captures` lists them.")
