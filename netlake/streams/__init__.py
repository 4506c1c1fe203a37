"""One file an application over TCP: its tables and the machine that is fed its bytes."""
