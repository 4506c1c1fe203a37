"""Protocols: one file or package for each, with its tables and hooks."""
