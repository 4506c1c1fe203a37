-- What do hosts say of their operating system?
-- The hints of each local host by their source: DHCP vendor class, HTTP, SSH, SSDP, Windows browser and the initial TTL.
-- param ttl: boolean = false  -- Also the initial TTL, which is a weak hint.
SELECT
    address,
    names,
    split_part(hint, ': ', 1) AS source,
    substr(hint, length(split_part(hint, ': ', 1)) + 3) AS hint
FROM (SELECT address, names, unnest(os_hints) AS hint FROM asset)
WHERE is_local(address) AND ($ttl OR NOT starts_with(hint, 'initial TTL'))
ORDER BY ip_order(address), source, hint
