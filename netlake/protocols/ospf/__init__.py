"""Open Shortest Path First, versions 2 and 3: packets between routers, and link state advertisements."""
