"""Read the packets of a lake again from the captures that they were decoded from, and write them to captures.

`opened` finds an original and verifies it, `selected` reads chosen packets of it, `writer` writes packets to a capture,
`carved` connects them.
"""
