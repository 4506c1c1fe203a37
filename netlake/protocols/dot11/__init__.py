"""IEEE 802.11, the wireless LAN: its frames, and what its management frames say."""
