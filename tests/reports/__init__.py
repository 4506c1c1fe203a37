"""Captures made after bug reports, with their right values."""
