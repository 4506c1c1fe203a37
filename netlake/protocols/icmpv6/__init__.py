"""Internet Control Message Protocol for IPv6: table `icmpv6` has every message, further tables have known types."""
