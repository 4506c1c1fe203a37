"""One file a protocol: its tables, and how its messages are read where the header varies."""
