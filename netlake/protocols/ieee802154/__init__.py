"""IEEE 802.15.4, low-rate wireless networks: its frames, and ZigBee in them."""
