"""Planned: protocols over TCP streams, one file for each, with its tables and its parser; the package is empty."""
