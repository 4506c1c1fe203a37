"""Which mutants a source has, what a sample of them depends on, and that a mutated module is in effect everywhere."""

from __future__ import annotations

import ast
import tomllib

import pytest

from tests import test_protocols
from tests.mutate import modules, run
from tests.mutate.__main__ import EQUIVALENT, outdated
from tests.mutate.mutants import mutants, mutated, sample


def changed(source: str) -> list[str]:
    """Every mutant's source, without the part that all have."""
    return [ast.unparse(mutated(source, mutant)) for mutant in mutants("m", source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x < y", ["x <= y"]),
        ("a == b in c", ["a != b in c", "a == b not in c"]),
        ("A = 7", ["A = 8", "A = 6"]),
        ("p and q", ["p or q"]),
        ("h << s | t", ["h << s & t", "h >> s | t"]),
        ("n %= m", ["n //= m", "pass"]),
        ("a[i:]", ["a[i + 1:]", "a[i:-1]"]),
        ("a[:j]", ["a[:j + 1]", "a[1:j]"]),
        ("not x", ["x"]),
        ("~mask", ["mask"]),
        ("F = True", ["F = False"]),
        ("mark(x)", ["None"]),
        ("raise E", ["pass"]),
        ("def f():\n    yield x", ["def f():\n    yield from ()"]),
        ("if x:\n    y", ["if not x:\n    y"]),
        ("D = {a: f, b: g}", ["D = {a: g, b: f}"]),
        ("m.fault('bad_value')", ["None", "m.fault('bad_length')"]),
        ("c = faults.CUT", ["c = faults.BAD_VALUE"]),
    ],
)
def test_mutants_of_a_source(source: str, expected: list[str]) -> None:
    assert changed(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring of 7 words."""',
        "from m import a1",
        "x: Literal[7]",
        "def f(a: int = 3) -> Tuple[1]:\n    pass",
        "c = Column('a', 'u8', 'Up to 255.')",
        "f = lru_cache(1 << 6)(g)",
        "c = fixed(TABLES[0])",
        "z = zip(a, b, strict=True)",
        "def entropy(m):\n    return m > 1",
    ],
)
def test_declarations_and_what_no_row_depends_on_have_no_mutants(source: str) -> None:
    assert changed(source) == []


def test_offsets_and_bits_of_a_declaration_have_mutants() -> None:
    assert len(changed("c = Column('a', 'u8', 'Text.', at=4, bits=(2, 1))")) == 6


def test_sample_does_not_change_with_lines_before_it() -> None:
    source = modules.source("netlake.protocols.stun")
    before = sample(mutants("m", source), 20, 1)
    after = sample(mutants("m", "\n\nfirst = None\n" + source), 20, 1)
    assert [(one.text, one.change) for one in before] == [(one.text, one.change) for one in after]
    assert before != sample(mutants("m", source), 20, 2)


def test_modules_are_executed_behind_those_that_they_import() -> None:
    order = {name: position for position, name in enumerate(modules.loaded())}
    for name in modules.mutable(test_protocols.TABLES):
        assert all(order[other] < order[name] for other in modules.imports(name) if name not in modules.imports(other))


@pytest.mark.filterwarnings("ignore:This process")  # Python 3.12 warns of fork beside threads
@pytest.mark.parametrize("module", ["netlake.protocols.stun", "netlake.layers.headers"])
def test_removed_yield_is_killed_by_a_case(module: str) -> None:
    found = next(one for one in mutants(module, modules.source(module)) if one.change.startswith("remove yield"))
    (verdict,) = run.verdicts([found], 1)
    assert verdict.by.startswith("test_rows_equal_the_expected_rows[")


def test_code_as_it_is_survives() -> None:
    assert run.checks(["stun", "vxlan"]) == run.SURVIVED


def test_equivalent_mutants_exist() -> None:
    known = tomllib.loads(EQUIVALENT.read_text())["mutant"]
    assert outdated(known, modules.mutable(test_protocols.TABLES)) == []
    assert all(one["reason"].endswith(".") for one in known)
