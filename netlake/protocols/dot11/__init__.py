"""IEEE 802.11, the wireless LAN: its frames, and the contents of its management frames."""
