"""Flows: their numbers, directions, counts and ends; the tables `connection` and `address`."""
