"""Open Shortest Path First, versions 2 and 3: the packets that routers send, and what they advertise in them."""
