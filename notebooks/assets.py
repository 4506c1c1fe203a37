import marimo

app = marimo.App(app_title="Asset inventory")

with app.setup:
    import sys
    import tempfile
    from pathlib import Path

    import marimo as mo

    import netlake

    sys.path.insert(0, str(Path(__file__).parent))
    import shown

    CAPTURES = Path(__file__).resolve().parent.parent / "tests" / "captures"


@app.cell
def _():
    mo.md("""
    # Asset inventory

    Which hosts are there, what are they called, what do they offer, and what software do they run? All of it is read from
    traffic; no host is asked.

    The capture is the bundled `demo.pcapng`: real clients and servers, recorded in namespaces of one machine (a client, a guest,
    a router and a server; names and addresses are fictitious). It has three and a half minutes. What a host did not use in this
    time is missing in the inventory.
    """)
    return


@app.cell
def _():
    scratch = tempfile.TemporaryDirectory()
    lake = Path(scratch.name) / "lake"
    netlake.capture(CAPTURES / "demo.pcapng", lake, jobs=1)
    opened = netlake.Lake(lake)

    def clock(moment):
        return None if moment is None else f"{moment:%H:%M:%S}"

    def joined(values):
        return ", ".join(values) if values else None

    inventory = opened.query("asset_inventory").pl().rows(named=True)
    listed = [one for one in inventory if one["names"] or one["services"]]
    mo.md(
        f"## 1. Hosts\n\n`netlake query asset_inventory` gives {len(inventory)} local addresses; these {len(listed)} have a name"
        " or offer a service. *First* and *last* are times of connections, in UTC.\n\n"
        + shown.table(
            ("address", "MAC addresses", "names", "connections", "first", "last"),
            [
                (one["address"], joined(one["macs"]), joined(one["names"]), one["connections"], clock(one["first_seen"]),
                 clock(one["last_seen"]))
                for one in listed
            ],
        )
    )  # fmt: skip
    return clock, inventory, joined, listed, opened


@app.cell
def _(joined, opened):
    MACHINES = """
        SELECT mac, list(address ORDER BY ip_order(address)) AS addresses FROM (SELECT address, unnest(macs) AS mac FROM asset)
        GROUP BY mac HAVING count(*) > 1 ORDER BY mac
    """
    machines = dict(tuple(row) for row in opened.sql(MACHINES).rows())
    mo.md(
        "An interface often has several addresses. MAC addresses in the view `asset` are those that ARP, neighbor discovery and DHCP"
        " name for an address, so addresses with the same one are one interface, with its VLANs:\n\n"
        + shown.table(("MAC address", "addresses"), [(mac, joined(all_of_it)) for mac, all_of_it in machines.items()])
    )
    return (machines,)


@app.cell
def _(clock, opened):
    NAMES = "SELECT address, name, source, since, records FROM host_name ORDER BY ip_order(address), name, source"
    names = [
        (address, name, source, clock(since), records)
        for address, name, source, since, records in opened.sql(NAMES).rows()
    ]
    mo.md(
        "## 2. Names, and who says so\n\nThe view `host_name` has the source of each name. DHCP and mDNS are the host's own claim,"
        " DNS is that of its administrator, `http_host` and `tls_sni` what a client asked for, and `capture_file` a record in the"
        " capture file. The more sources agree, the better.\n\n"
        + shown.table(("address", "name", "source", "first, UTC", "records"), names)
    )
    return (names,)


@app.cell
def _(joined, opened):
    services = [
        (
            one["server"],
            f"{one['protocol']}/{one['port']}",
            joined(one["services"]),
            one["connections"],
            joined(one["clients"]),
        )
        for one in opened.query("new_services", since="1970-01-01").pl().iter_rows(named=True)
    ]
    services.sort()
    mo.md(
        "## 3. Services\n\n`netlake query new_services -p since=1970-01-01` gives every port that answered; for TCP the handshake"
        " was complete, so ports that a scan found closed are not in it. Protocols are found in the content of TCP"
        " streams, not guessed by the port: HTTP over TLS is on port 8443. A dash is a port whose protocol is not known in this way;"
        " UDP port 60461 of the client is a TFTP transfer, whose port is another one each time.\n\n"
        + shown.table(("server", "port", "protocols", "connections", "clients"), services)
    )
    return (services,)


@app.cell
def _(opened):
    SOFTWARE = """
        SELECT DISTINCT src_ip, CASE WHEN is_server THEN 'SSH server' ELSE 'SSH client' END, software FROM ssh
        UNION SELECT client_ip, 'HTTP client', user_agent FROM http
        UNION SELECT server_ip, 'HTTP server', server FROM http
    """
    software = [
        tuple(row)
        for row in opened.sql(
            f"SELECT * FROM ({SOFTWARE}) AS used(address, part, software) WHERE software IS NOT NULL ORDER BY ip_order(address), part, software"
        ).rows()
    ]
    recorded = dict(line.split(" ", 1) for line in (CAPTURES / "versions.txt").read_text().splitlines()[2:])
    expected = {
        f"curl/{recorded['curl'].partition('-')[0]}",
        f"nginx/{recorded['nginx-light'].partition('-')[0]}",
        f"OpenSSH_{recorded['openssh-server'].partition(':')[2].partition('-')[0]}",
    }
    mo.md(
        "## 4. Software\n\nSSH and HTTP name their software:\n\n"
        + shown.table(("address", "part", "software"), software)
        + "\n\nThe recording has a list of the installed packages (`tests/captures/versions.txt`). Of it, "
        + ", ".join(f"`{one}`" for one in sorted(expected))
        + f" should be here; found: {len(expected & {row[2] for row in software})} of {len(expected)}. The other names show"
        " that such text is only a claim: `lighthouse/1.0` is curl with its option `-A`, `beacon/0.1` a script."
    )
    return expected, software


@app.cell
def _(joined, opened):
    JA4 = """
        SELECT ja4, count(*), list(DISTINCT src_ip ORDER BY src_ip), list(DISTINCT server_name ORDER BY server_name)
            FILTER (WHERE server_name IS NOT NULL)
        FROM tls_client_hello GROUP BY ja4 ORDER BY ja4
    """
    clients = [(ja4, count, joined(hosts), joined(servers)) for ja4, count, hosts, servers in opened.sql(JA4).rows()]
    mo.md(
        "TLS hides what follows the handshake, but its ClientHello has a fingerprint, JA4. One program can have several:"
        " versions, ALPN and options change it. The same program on two hosts has the same one.\n\n"
        + shown.table(("JA4", "ClientHellos", "clients", "server names"), clients)
    )
    return (clients,)


@app.cell
def _(clock, joined, opened):
    SINCE = "2026-11-23 05:27"
    new = [
        (one["host"], one["mac"], clock(one["first_seen"]), one["connections"], joined(one["peers"]))
        for one in opened.query("new_hosts", since=SINCE).pl().iter_rows(named=True)
    ]
    mo.md(
        f"## 5. New hosts\n\n`netlake query new_hosts -p since='{SINCE}'` gives local addresses that had no connection before that"
        f" time: {len(new)}. They are the ends of VLANs and tunnels that the recording sets up at its end, and one address of the"
        " router. A MAC address that is known from section 1 is an old interface with a new address.\n\n"
        + shown.table(("address", "MAC address", "first, UTC", "connections", "peers"), new)
        + "\n\nIn use, `since` is the end of a lake's earlier captures, and a period of days before it makes *new* mean something."
    )
    return (new,)


if __name__ == "__main__":
    app.run()
