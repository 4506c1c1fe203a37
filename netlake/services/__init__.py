"""Planned: agent, collector, proxy and metrics, which run as services; the package is empty."""
