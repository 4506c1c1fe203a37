"""Planned: labels, which join ground truth of attacks to records; the package is empty."""
