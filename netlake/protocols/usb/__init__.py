"""USB as captured on hosts: requests to the bus and their completions, and the setup packets in them."""
