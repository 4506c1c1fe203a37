"""USB as hosts capture it: the requests and answers of the bus, and the setup packets in them."""
