"""Protocols over TCP streams: one file for each, with its tables and its stream parser."""
