"""Runs saved queries over real captures: `make calibrate`."""
