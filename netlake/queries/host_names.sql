-- Which names does an address have, and who says so?
-- Names by DHCP, mDNS, NetBIOS, DNS, Kerberos and names that clients of TLS and HTTP asked it for, with the times, over all
-- captures.
-- param address: text  -- IPv4 or IPv6 address.
-- param source: text = null  -- Only names by this source, such as dhcp or mdns.
SELECT name, source, mac, since AS first_seen, until AS last_seen, records
FROM host_name
WHERE address = $address AND ($source::VARCHAR IS NULL OR source = $source)
ORDER BY records DESC, source, name
