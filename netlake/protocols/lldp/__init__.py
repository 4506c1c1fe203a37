"""Link Layer Discovery Protocol: descriptions that devices send to their neighbors; the frame and its TLVs."""
