"""Callbacks that do not keep their object alive, so that the arrays of a decoder are freed when nobody uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakMethod


def weak(method: Callable[..., Any]) -> Callable[..., Any]:
    """A function that calls `method`, a bound method, whose object must exist when it is called.

    Without it, two objects that call each other wait for Python's cycle collector, which counts objects and not their
    size: a process that decodes many captures would have hundreds of MiB of arrays that nobody uses.
    """
    reference, name = WeakMethod(method), method.__name__

    def call(*arguments: Any) -> Any:
        bound = reference()
        if bound is None:
            raise ReferenceError(f"the object of {name} does not exist any more")
        return bound(*arguments)

    return call
