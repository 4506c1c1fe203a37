"""The named sets, each loaded when it is first used."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points

from netlake.errors import OptionError
from netlake.features.definition import FeatureSet
from netlake.features.own import GROUP, OwnSet, load
from netlake.features.packets import PacketSet

AnySet = FeatureSet | PacketSet | OwnSet

_MODULES = {
    "cic": "netlake.features.sets.cic",
    "cic-2017": "netlake.features.sets.cic_2017",
    "nfstream": "netlake.features.sets.nfstream",
    "netflow-v2": "netlake.features.sets.netflow",
    "netflow-v3": "netlake.features.sets.netflow:SET_3",
    "unsw": "netlake.features.sets.unsw",
    "sequence": "netlake.features.sets.sequence",
    "kitsune": "netlake.features.sets.kitsune",
    "nprint": "netlake.features.sets.nprint",
}


class Sets(Mapping[str, FeatureSet | PacketSet]):
    """Name -> AnySet; OptionError for an unknown name."""

    def __getitem__(self, name: str) -> FeatureSet | PacketSet:
        base, colon, count = name.partition(":")
        if base == "sequence" and colon and count.isdecimal():
            from netlake.features.sets import sequence

            return sequence.of(int(count))
        if name not in _MODULES:
            raise OptionError(f"There is no feature set {name!r}; choose one of {', '.join(_MODULES)}.")
        module, _, attribute = _MODULES[name].partition(":")
        made: FeatureSet | PacketSet = getattr(importlib.import_module(module), attribute or "SET")
        return made

    def __contains__(self, name: object) -> bool:
        return name in _MODULES

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


SETS = Sets()


def find(name: str | AnySet) -> AnySet:
    """The set of a name, or of the user (an SQL file, MODULE:ATTRIBUTE, an entry point); OptionError for others."""
    if not isinstance(name, str):
        return name
    return load(name) if is_own(name) else SETS[name]


def is_own(name: str) -> bool:
    """Whether a name is of features of the user."""
    return (
        name.endswith(".sql")
        or (":" in name and not name.startswith("sequence:"))
        or (name not in _MODULES and bool(entry_points(group=GROUP, name=name)))
    )
