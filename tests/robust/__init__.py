"""Nothing may crash or hang: every capture is decoded whole, cut at random bytes, and with random bytes changed.

`python -m tests.robust PATH... [--cuts 50] [--changes 5] [--sample N]`

Each capture has a process with a limit of memory and of time. What counts as a failure: an exception that is no
sentence for a person, a reader that failed, a process that dies, one that takes too long, and a cut capture whose
packets are not the first of the whole one's. The places are random, but the same each time for a capture and a seed.
"""
