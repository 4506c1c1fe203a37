"""Readers of ground-truth formats: one module each, with `READER` (see netlake.label.truth.reader)."""
