-- Which hosts are there?
-- Local addresses with their hardware, names, services and hints at the operating system, over all captures.
-- param search: text = null  -- Text in the address, names, vendor, services or hints.
SELECT
    address,
    vendor,
    names,
    services,
    os_hints,
    connections,
    first_seen,
    last_seen,
    macs
FROM asset
WHERE is_local(address) AND ($search::VARCHAR IS NULL OR contains(
    lower(concat_ws(' ', address, vendor, array_to_string(names, ' '), array_to_string(services, ' '), array_to_string(os_hints, ' '))),
    lower($search::VARCHAR)))
ORDER BY ip_order(address)
