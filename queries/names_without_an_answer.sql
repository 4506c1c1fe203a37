-- Which names could not be answered, and who asked for them?
-- Responses that carry an error, by name; NXDOMAIN says that there is no such name.
SELECT
    query_name AS name,
    query_type_name AS type,
    rcode_name AS answer,
    count(*) AS times,
    list_sort(list_distinct(list(dst_ip))) AS asked_by
FROM dns
WHERE response AND rcode_name <> 'NOERROR'
GROUP BY name, type, answer
ORDER BY times DESC, name, type
