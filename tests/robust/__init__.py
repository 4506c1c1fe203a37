"""Robustness test: decodes captures complete, truncated at random offsets, and with random bytes changed.

`python -m tests.robust PATH... [--cuts 50] [--changes 5] [--sample N]`

Each capture is decoded in a process with limits of memory and time. Failures are: an exception other than InputError
with a complete message, a reader that failed, a process that ends abnormally or exceeds the time, and a truncated
capture whose packets are not the first packets of the complete one. Offsets are random, but fixed by capture and seed.
"""
