"""Mutation tests: whether the cases of tests/protocols notice a fault in the code that they test.

`python -m tests.mutate` changes one place of one module (a mutant), runs the checks of tests/test_protocols.py for the
tables that use the module, and counts the mutants that no check notices (survivors). Nothing is written: each mutant is
compiled into the modules of a forked child, which then ends.

- tests.mutate.mutants: which places are changed and how, and which of them a sample has.
- tests.mutate.modules: which modules are mutated, which modules and tables depend on each.
- tests.mutate.run: one forked child for each mutant, and its verdict.
- equivalent.toml: mutants that no input can distinguish from the code, each with the reason.
"""
