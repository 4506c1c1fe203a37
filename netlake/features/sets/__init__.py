"""The named feature sets, one module each; those of packets have no segments."""
