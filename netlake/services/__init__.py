"""What runs on its own: agent, collector, proxy, metrics."""
