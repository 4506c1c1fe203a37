"""Cisco Discovery Protocol: what a device says of itself to its neighbours; the frame, and what its TLVs mean."""
