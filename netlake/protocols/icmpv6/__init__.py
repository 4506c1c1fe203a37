"""Internet Control Message Protocol for IPv6: every message has a row of `icmpv6`, known types one of their own too."""
