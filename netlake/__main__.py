"""`python -m netlake` is the command `netlake`."""

from __future__ import annotations

import sys

from netlake.cli import main

if __name__ == "__main__":
    sys.exit(main())
