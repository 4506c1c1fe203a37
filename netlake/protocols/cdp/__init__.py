"""Cisco Discovery Protocol: announcements of a device to its neighbors; the frame, and the contents of its TLVs."""
