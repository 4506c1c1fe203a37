"""Fuzzing: hostile input for everything that reads what others sent. `make fuzz MINUTES=10`, `python -m tests.fuzz`.

Targets are made from the declarations, so a new protocol is fuzzed without an edit here (tests.fuzz.targets):
- `stream NAME`, one for each declared protocol in TCP streams: reassembly, walker or machine, and its rows
- `packets`: frames through the whole decoder, from the walk to the rows of all tables
- `readers`: messages of each table that is read from packets
- `sources`: files of every format and compression

What has to be true of any input:
- No exception, also none that decoding notes and survives: IndexError of a kernel (bounds are checked), an exception of
  a machine, a reader or a probe, an Arrow array that is not valid.
- Rows do not depend on batches: each input is read as one batch and in batches that it chooses.
- A probe that answered YES or NO for the first bytes of a stream answers the same for more of them.
- When the flows have left, nothing is kept: no block of the arena, no dialog, no located message.
- An input is read within the limits of time and memory that `python -m tests.fuzz` sets.

There is no guidance by coverage through compiled kernels; Python code of protocols, layers and records is instrumented.
To compensate, inputs are structured (tests.fuzz.script) and begin as the cases of the tests (tests.fuzz.seeds); the
mutator changes them by structure: it splices cases at their lines and fields, cuts, reorders, repeats and omits
segments, and writes boundary values where lengths can be (tests.fuzz.mutate).

Without atheris, and in the tests, the same mutator runs with a fixed seed.
"""
