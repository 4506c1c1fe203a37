"""Conversations: their numbers, directions, counts and ends."""
