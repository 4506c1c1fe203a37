-- Who downloaded executable files?
-- Files whose content is a program of Windows, Linux or macOS, or a cabinet, whatever type the sender declared.
-- technique: T1105, T1204.002
-- param disguised: boolean = false  -- Only those that were declared as text, image, audio, video or font.
SELECT
    capture,
    ts,
    dst_ip AS receiver,
    src_ip AS sender,
    source,
    name,
    detected_type,
    declared_type,
    size,
    sha256
FROM file
WHERE detected_type IN ('application/vnd.microsoft.portable-executable', 'application/x-dosexec', 'application/x-elf',
        'application/x-mach-binary', 'application/vnd.ms-cab-compressed')
    AND (NOT $disguised OR regexp_matches(declared_type, '^(text|image|audio|video|font)/'))
ORDER BY ts, capture, packet, place
