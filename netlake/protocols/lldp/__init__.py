"""Link Layer Discovery Protocol: descriptions that devices send to their neighbours; the frame and its TLVs."""
