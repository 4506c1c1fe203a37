"""YAML documents with the line of every mapping, and all scalars as text.

YAML 1.1 would read 10:32 as the number 632 and a date as a time without zone, so scalars are not resolved here.
"""

from __future__ import annotations

from typing import Any

import yaml

from netlake.errors import TruthError

Loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class Mapping(dict[str, Any]):
    """A mapping of a document with the line on which it begins, from 1."""

    line: int = 1


def load(data: bytes, file: str) -> Any:
    """The content of a YAML document: Mapping, list, text, or None; TruthError with the line if it is not one."""
    try:
        node = yaml.compose(data, Loader=Loader)
        return None if node is None else _content(node, file, {})
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{file}, line {mark.line + 1}" if mark else file
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise TruthError(f"{place}: this is not YAML: {problem}.") from None
    except RecursionError:
        raise TruthError(f"{file} is nested too deeply to be a schedule.") from None


def _content(node: yaml.Node, file: str, seen: dict[int, Any]) -> Any:
    """The content of a node; one that several aliases name is converted once."""
    if id(node) in seen:
        if seen[id(node)] is ...:
            raise TruthError(f"{file}, line {node.start_mark.line + 1}: an alias refers to itself.")
        return seen[id(node)]
    seen[id(node)] = ...
    if isinstance(node, yaml.ScalarNode):
        content: Any = node.value
        if node.style is None and node.value.lower() in {"", "~", "null"}:
            content = ""
    elif isinstance(node, yaml.SequenceNode):
        content = [_content(item, file, seen) for item in node.value]
    else:
        content = Mapping()
        content.line = node.start_mark.line + 1
        for key, value in node.value:
            name = _content(key, file, seen)
            if not isinstance(name, str):
                raise TruthError(f"{file}, line {key.start_mark.line + 1}: a key is not a text.")
            if name in content:
                raise TruthError(f"{file}, line {key.start_mark.line + 1}: the key {name!r} is there twice.")
            content[name] = _content(value, file, seen)
    seen[id(node)] = content
    return content
