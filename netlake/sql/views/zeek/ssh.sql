-- One row for each SSH connection, as in Zeek's ssh.log; what follows the key exchange is encrypted and not guessed.
-- tables: ssh
-- ts: Time of the first identification.
-- uid: Identifier of the connection: zeek_uid(capture, flow).
-- id.orig_h: Address of the originator.
-- id.orig_p: Port of the originator.
-- id.resp_h: Address of the responder.
-- id.resp_p: Port of the responder.
-- version: Version of the protocol, 1 or 2; null if both sides have none in common or one is missing.
-- direction: INBOUND or OUTBOUND, if only one side is local, see the function is_local.
-- client: Identification of the client.
-- server: Identification of the server.
-- cipher_alg: Cipher that both offers give.
-- mac_alg: MAC that both offers give.
-- compression_alg: Compression that both offers give.
-- kex_alg: Method of key exchange that both offers give.
-- host_key_alg: Algorithm of the host key that both offers give.
WITH sides AS (
    SELECT capture, flow, min(ts) AS ts, any_value(from_originator) AS from_originator,
        arg_min(CASE WHEN from_originator THEN src_ip ELSE dst_ip END, packet) AS orig_h,
        arg_min(CASE WHEN from_originator THEN src_port ELSE dst_port END, packet) AS orig_p,
        arg_min(CASE WHEN from_originator THEN dst_ip ELSE src_ip END, packet) AS resp_h,
        arg_min(CASE WHEN from_originator THEN dst_port ELSE src_port END, packet) AS resp_p,
        max(identification) FILTER (NOT is_server) AS client, max(identification) FILTER (is_server) AS server,
        max(protocol_version) FILTER (NOT is_server) AS client_version,
        max(protocol_version) FILTER (is_server) AS server_version,
        any_value(s) FILTER (is_server) AS chosen, any_value(s) FILTER (NOT is_server) AS offered
    FROM main.ssh s
    GROUP BY capture, flow
)
SELECT ts, zeek_uid(capture, flow) AS uid, orig_h AS "id.orig_h", orig_p AS "id.orig_p", resp_h AS "id.resp_h",
    resp_p AS "id.resp_p",
    CASE WHEN client_version IN ('2.0', '1.99') AND server_version IN ('2.0', '1.99') THEN 2
        WHEN starts_with(client_version, '1.') AND starts_with(server_version, '1.') THEN 1 END AS version,
    CASE WHEN is_local(orig_h) <> is_local(resp_h) THEN CASE WHEN is_local(orig_h) THEN 'OUTBOUND'
        ELSE 'INBOUND' END END AS direction,
    client, server,
    zeek_ssh_algorithm(chosen.cipher_client_to_server, chosen.cipher_server_to_client) AS cipher_alg,
    coalesce(zeek_ssh_algorithm(chosen.mac_algorithm_client_to_server, chosen.mac_algorithm_server_to_client),
        list_filter(offered.mac_client_to_server, lambda one: list_contains(chosen.mac_client_to_server,
            one))[1]) AS mac_alg,
    zeek_ssh_algorithm(chosen.compression_algorithm_client_to_server,
        chosen.compression_algorithm_server_to_client) AS compression_alg,
    chosen.kex_algorithm AS kex_alg, chosen.host_key_algorithm AS host_key_alg
FROM sides
