"""Tables built from other records over time: conversations, addresses."""
