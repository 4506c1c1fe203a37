"""Finds the offsets of messages (the walk), and turns messages into columns (readers)."""
