"""IEEE 802.15.4, low-rate radio networks: its frames, and ZigBee inside them."""
