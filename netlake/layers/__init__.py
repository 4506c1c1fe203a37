"""Where each message lies, and how messages become columns."""
