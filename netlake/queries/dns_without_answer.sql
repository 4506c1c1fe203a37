-- Which DNS names could not be resolved, and which clients asked for them?
-- Responses with an error code, by name; NXDOMAIN: the name does not exist.
SELECT
    query_name AS name,
    query_type_name AS type,
    rcode_name AS error,
    count(*) AS responses,
    list_sort(list_distinct(list(dst_ip))) AS clients
FROM dns
WHERE response AND rcode_name <> 'NOERROR'
GROUP BY capture, name, type, error
ORDER BY responses DESC, name, type
