#!/bin/bash
# Records tests/captures/*.pcap*: real traffic between real clients and servers in network namespaces of one machine.
#
# Usage, as root on Debian 12 or later:    tests/captures/record.sh OUTPUT_FOLDER
#   or, where the kernel has no VLANs, tunnels, SCTP or netem:    tests/captures/record.sh --uml OUTPUT_FOLDER
#   (--uml boots Debian's user-mode Linux kernel on this file system and records there; it takes about ten minutes)
#
# Install first:
#   apt-get install --no-install-recommends iproute2 ethtool kmod tcpdump tshark dnsmasq-base isc-dhcp-client nginx-light \
#     curl openssl openssh-server openssh-client python3-aiosmtpd swaks libnet-ssleay-perl dovecot-imapd dovecot-pop3d chrony \
#     avahi-daemon bind9-dnsutils iputils-ping iputils-arping traceroute socat bsdutils python3 user-mode-linux
#
# The laboratory, each host a namespace:
#
#   client 10.10.0.x (DHCP) --- lan  \                              / server 10.20.0.2
#                                     bridge br0 = router = dmz ---+   web, TLS, mail, SSH, NTP, SCTP
#   guest  10.10.0.66       --- lan2 /   DNS, DHCP, RA, TFTP        \ fd00:20::2
#
# What is recorded: `lan` and `lan2` whole, `dmz` only what the router and the server say to each other (the rest was
# seen on the LAN side already). Everything is bounded in count and time and leaves nothing behind outside OUTPUT_FOLDER.
# Names and addresses are fixed, so that a recording tells nothing of the machine on which it was made.
set -u

if [ "${1:-}" = "--uml" ]; then
  out=$(mkdir -p "$2" && readlink -f "$2")
  linux.uml mem=1024M root=none rootfstype=hostfs hostfs=/ rw init="$(readlink -f "$0")" \
    LAB_OUTPUT="$out" con=null con0=fd:0,fd:1 quiet uml_dir="$out/uml" </dev/null
  rm -rf "$out/uml"
  [ -s "$out/demo.pcapng" ]
  exit
fi
if [ $$ = 1 ]; then # the first process of the user-mode kernel: make it a machine
  export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/run/lab
  mount -t proc proc /proc && mount -t sysfs sys /sys && mount -t tmpfs tmp /run
  mkdir /run/output && mount --bind "$LAB_OUTPUT" /run/output && LAB_OUTPUT=/run/output && mount -t tmpfs tmp /tmp
  mkdir -p /dev/pts && mount -t devpts pts /dev/pts
  mkdir -p /run/kernel/lib && ln -s /usr/lib/uml/modules /run/kernel/lib/modules
  for module in ipv6 veth bridge 8021q ip_gre ipip sit vxlan geneve sch_netem hmac sha1_generic md5 sctp; do
    modprobe -d /run/kernel "$module"
  done
fi
out=${LAB_OUTPUT:-${1:?give the output folder}}
mkdir -p "$out"
lab=/run/lab
here=$(dirname "$(readlink -f "$0")")
rm -rf "$lab" && mkdir -p "$lab/www" "$lab/mail" /run/sshd
[ $$ = 1 ] && hostname lab

say() { echo "== $(cut -d' ' -f1 /proc/uptime) $*" >&2; }
client() { ip netns exec client timeout 60 "$@" >/dev/null 2>>"$lab/client.log"; }
guest() { ip netns exec guest timeout 60 "$@" >/dev/null 2>>"$lab/guest.log"; }
router() { ip netns exec router timeout 60 "$@" >>"$lab/router.log" 2>&1; }
server() { ip netns exec server timeout 60 "$@" >>"$lab/server.log" 2>&1; }
serve() { # host command...: in the background until the recording ends
  local host=$1
  shift
  ip netns exec "$host" "$@" >>"$lab/$host.log" 2>&1 &
  daemons+=($!)
}
daemons=()

# --- the network -----------------------------------------------------------------------------------------------------

wire() { # host interface host interface number
  ip link add "$2" netns "$1" address "02:00:00:00:$5:01" type veth peer name "$4" netns "$3" address "02:00:00:00:$5:02"
  ip -n "$1" link set "$2" up && ip -n "$3" link set "$4" up
  # whole checksums and packets no larger than the link's: what a wire would carry
  ip netns exec "$1" ethtool -K "$2" tx off rx off tso off gso off gro off >/dev/null
  ip netns exec "$3" ethtool -K "$4" tx off rx off tso off gso off gro off >/dev/null
}

network() {
  mkdir -p /etc/netns && mount -t tmpfs tmp /etc/netns
  for host in client guest router server; do
    ip netns add $host && ip -n $host link set lo up
    mkdir -p /etc/netns/$host
    printf 'nameserver 10.10.0.1\nsearch lab\n' >/etc/netns/$host/resolv.conf
    printf '127.0.0.1 localhost\n' >/etc/netns/$host/hosts
  done
  wire router lan client eth0 10
  wire router lan2 guest eth0 66
  wire router dmz server eth0 20
  ip -n router link add br0 address 02:00:00:00:10:ff type bridge stp_state 1 forward_delay 200 mcast_snooping 0
  ip -n router link set lan master br0 && ip -n router link set lan2 master br0
  ip -n router addr add 10.10.0.1/24 dev br0 && ip -n router addr add fd00:10::1/64 dev br0 nodad
  ip -n router addr add 10.20.0.1/24 dev dmz && ip -n router addr add fd00:20::1/64 dev dmz nodad
  ip -n server addr add 10.20.0.2/24 dev eth0 && ip -n server addr add fd00:20::2/64 dev eth0 nodad
  ip -n server route add default via 10.20.0.1 && ip -n server -6 route add default via fd00:20::1
  ip -n guest addr add 10.10.0.66/24 dev eth0 && ip -n guest route add default via 10.10.0.1
  ip netns exec router sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
  ip -n router link set br0 up
  sleep 5 # the bridge listens and learns before it forwards
}

walls() { # 10.97.0.0/16 swallows everything, 10.98.0.0/16 is forbidden
  ip -n router route add blackhole 10.97.0.0/16
  ip -n router route add prohibit 10.98.0.0/16
}

# --- the servers -----------------------------------------------------------------------------------------------------

certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $lab/key.pem -out $lab/cert.pem -days 3650 \
    -subj "/O=Lighthouse Laboratory/CN=server.lab" -addext "subjectAltName=DNS:server.lab,DNS:www.lab,DNS:mail.lab"
  ssh-keygen -q -t ed25519 -N '' -C host -f $lab/host_key
  ssh-keygen -q -t ed25519 -N '' -C keeper -f $lab/user_key
  cp $lab/user_key.pub $lab/authorized && chmod 600 $lab/host_key $lab/user_key
} >>"$lab/setup.log" 2>&1

pages() {
  python3 - <<'PY'
import random
random.seed(20)
words = "lamp fog horn rock tide keeper signal harbour gull storm chart compass".split()
with open("/run/lab/www/log.txt", "w") as file:
    file.writelines(" ".join(random.choices(words, k=12)) + ".\n" for _ in range(2500))
with open("/run/lab/www/light.bin", "wb") as file:
    file.write(random.randbytes(220_000))
with open("/run/lab/www/index.html", "w") as file:
    file.write("<!doctype html><title>The lighthouse</title><p>The lamp is lit.</p>\n" * 20)
PY
}

dns_and_dhcp() {
  cat >$lab/dnsmasq.conf <<'CONF'
no-resolv
no-hosts
no-daemon
user=root
pid-file=/run/lab/dnsmasq.pid
dhcp-leasefile=/run/lab/leases
bind-interfaces
listen-address=10.10.0.1,10.20.0.1,fd00:10::1,fd00:20::1
interface=br0
domain=lab
local=/lab/
auth-ttl=300
edns-packet-max=4096
enable-tftp
tftp-root=/run/lab/www
dhcp-range=10.10.0.100,10.10.0.120,255.255.255.0,1h
dhcp-range=fd00:10::100,fd00:10::1ff,slaac,64,1h
dhcp-authoritative
enable-ra
ra-param=br0,mtu:1500,high,10,1800
dhcp-option=option:ntp-server,10.20.0.2
host-record=server.lab,10.20.0.2,fd00:20::2,3600
host-record=mail.lab,10.20.0.2
host-record=router.lab,10.10.0.1,fd00:10::1
host-record=guest.lab,10.10.0.66
cname=www.lab,server.lab
mx-host=lab,mail.lab,10
txt-record=lab,"v=spf1 a mx -all"
srv-host=_http._tcp.lab,server.lab,80,0,5
naptr-record=lab,100,50,s,SIP+D2U,,_sip._udp.lab
caa-record=lab,0,issue,ca.lab
ptr-record=_http._tcp.dns-sd.lab,Lighthouse._http._tcp.lab
CONF
  # one answer larger than a datagram of 512 bytes, one larger than the link's 1,500
  for number in $(seq 1 4); do
    echo "txt-record=long.lab,\"$(printf "lamp $number %.0s" $(seq 1 25))\"" >>$lab/dnsmasq.conf
  done
  for number in $(seq 1 12); do
    echo "txt-record=huge.lab,\"$(printf "storm $number %.0s" $(seq 1 25))\"" >>$lab/dnsmasq.conf
  done
  serve router dnsmasq -C $lab/dnsmasq.conf
}

web() {
  cat >$lab/nginx.conf <<'CONF'
user root; worker_processes 1; pid /run/lab/nginx.pid; error_log /run/lab/nginx.log; daemon off;
events { worker_connections 64; }
http {
  access_log off; types { text/html html; text/plain txt; application/octet-stream bin; }
  root /run/lab/www; keepalive_timeout 20; gzip on; gzip_types text/plain; gzip_min_length 200;
  client_body_temp_path /run/lab/t1; proxy_temp_path /run/lab/t2; fastcgi_temp_path /run/lab/t3;
  uwsgi_temp_path /run/lab/t4; scgi_temp_path /run/lab/t5;
  ssl_certificate /run/lab/cert.pem; ssl_certificate_key /run/lab/key.pem;
  server { listen 80; listen [::]:80; server_name server.lab; default_type text/plain;
    location /form { return 200 "thank you\n"; }  location /old { return 301 /index.html; }
    location /private { return 401 "keepers only\n"; } }
  server { listen 443 ssl http2; listen [::]:443 ssl http2; server_name server.lab; ssl_protocols TLSv1.3; }
  server { listen 8443 ssl; server_name server.lab; ssl_protocols TLSv1.2; }
}
CONF
  serve server nginx -c $lab/nginx.conf
}

mail_servers() {
  cat >$lab/dovecot.conf <<'CONF'
protocols = imap pop3
base_dir = /run/lab/dovecot
state_dir = /run/lab/dovecot-state
log_path = /run/lab/dovecot.log
login_greeting = The lighthouse is ready.
mail_location = maildir:/run/lab/mail/%u
disable_plaintext_auth = no
auth_mechanisms = plain login
ssl = yes
ssl_cert = </run/lab/cert.pem
ssl_key = </run/lab/key.pem
first_valid_uid = 8
first_valid_gid = 8
passdb {
  driver = static
  args = password=lamp
}
userdb {
  driver = static
  args = uid=mail gid=mail home=/run/lab/mail/%u
}
CONF
  mkdir -p $lab/mail/keeper/{new,cur,tmp}
  printf 'From: harbour@lab\r\nTo: keeper@lab\r\nSubject: Fog tonight\r\n\r\nPlease light the lamp early.\r\n' >$lab/mail/keeper/new/1.lab
  chown -R mail:mail $lab/mail
  serve server dovecot -F -c $lab/dovecot.conf
  serve server python3 -m aiosmtpd -n -l 10.20.0.2:25 -c aiosmtpd.handlers.Sink \
    --tlscert $lab/cert.pem --tlskey $lab/key.pem --no-requiretls
}

other_servers() {
  printf '%s\n' "HostKey $lab/host_key" "AuthorizedKeysFile $lab/authorized" 'StrictModes no' 'UsePAM no' \
    'PermitRootLogin yes' 'PrintMotd no' "PidFile $lab/sshd.pid" >$lab/sshd.conf
  serve server "$(command -v sshd)" -D -f $lab/sshd.conf
  printf '%s\n' 'local stratum 3' 'allow all' 'cmdport 0' "pidfile $lab/chronyd.pid" 'user root' >$lab/chrony.conf
  serve server chronyd -x -d -f $lab/chrony.conf
  serve server socat SCTP-LISTEN:7000,fork SYSTEM:"cat"
  serve server socat TCP-LISTEN:7001,fork SYSTEM:"sleep 7"
  serve server socat UDP-LISTEN:514,fork OPEN:/dev/null
}

announcers() { # mDNS on both sides of the LAN bridge
  for host in client guest; do
    mkdir -p /etc/netns/$host/avahi/services
    printf '%s\n' '[server]' "host-name=$host" 'enable-dbus=no' 'allow-interfaces=eth0' \
      '[publish]' 'publish-workstation=no' 'publish-hinfo=no' >/etc/netns/$host/avahi/avahi-daemon.conf
    [ $host = guest ] && cat >/etc/netns/$host/avahi/services/lamp.service <<'XML'
<?xml version="1.0" standalone='no'?><!DOCTYPE service-group SYSTEM "avahi-service.dtd">
<service-group><name>Lamp</name>
<service><type>_http._tcp</type><port>8080</port><txt-record>path=/lamp</txt-record></service></service-group>
XML
    mkdir -p /run/avahi-daemon
    serve $host unshare -m sh -c "mount -t tmpfs tmp /run/avahi-daemon && exec avahi-daemon --no-drop-root --no-chroot --no-rlimits"
  done
}

# --- what the clients do ---------------------------------------------------------------------------------------------

addresses() {
  cat >$lab/dhclient-script <<'SH'
#!/bin/sh
case "$reason" in
BOUND | RENEW) ip addr replace "$new_ip_address/24" dev eth0; ip route replace default via "$new_routers" ;;
BOUND6) ip addr replace "$new_ip6_address/128" dev eth0 ;;
esac
exit 0
SH
  chmod +x $lab/dhclient-script
  printf 'send host-name "client";\nrequest subnet-mask, routers, domain-name, domain-name-servers, ntp-servers;\n' >$lab/dhclient.conf
  client dhclient -4 -1 -sf $lab/dhclient-script -cf $lab/dhclient.conf -lf $lab/lease4 -pf $lab/dhclient4.pid eth0
  client dhclient -6 -1 -sf $lab/dhclient-script -cf $lab/dhclient.conf -lf $lab/lease6 -pf $lab/dhclient6.pid eth0
}

names() {
  for question in "server.lab A" "server.lab AAAA" "www.lab A" "lab MX" "lab TXT" "lab CAA" "lab NAPTR" \
    "_http._tcp.lab SRV" "_http._tcp.dns-sd.lab PTR" "nowhere.lab A" "example.com A" "version.bind CH TXT"; do
    client dig +tries=1 +time=2 @10.10.0.1 $question
  done
  client dig +tries=1 @10.10.0.1 -x 10.20.0.2
  client dig +tries=1 @fd00:10::1 server.lab AAAA
  client dig +noedns @10.10.0.1 long.lab TXT # truncated, asked again by TCP
  client dig +tcp @10.10.0.1 lab MX
  client dig +tries=1 +time=1 -p 5353 @224.0.0.251 guest.local
  client dig +bufsize=4096 @10.10.0.1 huge.lab TXT # an answer in fragments
  client dig +bufsize=4096 @fd00:10::1 huge.lab TXT
}

pings() {
  client ping -c 3 -i 0.3 10.20.0.2
  client ping -c 3 -i 0.3 fd00:20::2
  client ping -c 2 -i 0.3 -s 4000 10.20.0.2
  client ping -c 2 -i 0.3 -s 4000 fd00:20::2
  client ping -c 1 -W 1 -R 10.20.0.2 # record route: IPv4 options
  client ping -c 1 -W 1 -T tsonly 10.20.0.2
  client ping -c 1 -W 1 10.10.0.250 # nobody answers ARP
  client ping -c 2 -i 0.3 -W 1 10.99.0.1 # no route
  client traceroute -n -q 1 -w 1 10.20.0.2
  client traceroute -n -q 1 -w 1 -T -p 80 fd00:20::2
  client arping -c 2 -I eth0 10.10.0.1
  client dig +tries=1 +time=1 @10.20.0.2 -p 5300 server.lab # closed UDP port
  client ping -c 2 -i 0.3 -W 1 10.98.0.1 # forbidden
  ip -n router link set dmz mtu 1300
  client ping -c 2 -i 0.3 -M do -s 1372 10.20.0.2 # too big, not to be fragmented
  client ping -c 2 -i 0.3 -s 1400 fd00:20::2
  ip -n router link set dmz mtu 1500
  ip -n client route flush cache && ip -n client -6 route flush cache
}

browsing() {
  client curl -s -A lighthouse/1.0 http://server.lab/index.html http://server.lab/log.txt http://server.lab/missing
  client curl -s --compressed http://server.lab/log.txt
  client curl -s -I http://www.lab/
  client curl -s -L http://server.lab/old
  client curl -s -d 'name=keeper&lamp=lit' http://server.lab/form
  client curl -s -u keeper:lamp http://server.lab/private
  client curl -s -6 http://server.lab/index.html
  client curl -s -r 1000-1999 http://server.lab/light.bin
  export SSLKEYLOGFILE=$lab/secrets.txt
  client curl -s --cacert $lab/cert.pem https://server.lab/index.html https://server.lab/log.txt # TLS 1.3, HTTP/2
  client curl -s --cacert $lab/cert.pem --http1.1 https://server.lab/index.html
  client curl -s --cacert $lab/cert.pem https://server.lab:8443/index.html # TLS 1.2
  client curl -s https://server.lab/                                        # the certificate is refused
  client curl -s --cacert $lab/cert.pem --tls-max 1.2 https://server.lab/   # the version is refused
  printf 'GET / HTTP/1.0\r\n\r\n' | client openssl s_client -quiet -connect 10.20.0.2:8443 -servername server.lab -tls1_2 \
    -cipher ECDHE-ECDSA-CHACHA20-POLY1305 -keylogfile $lab/secrets.txt
  unset SSLKEYLOGFILE
  client curl -s tftp://10.10.0.1/index.html
}

letters() {
  client swaks --server mail.lab --helo client.lab --from keeper@lab --to harbour@lab --h-Subject 'The lamp is lit' \
    --h-X-Mailer swaks --body 'All is well at the lighthouse.' --attach-type text/plain --attach @$lab/www/index.html
  client swaks --server mail.lab --helo client.lab --from keeper@lab --to harbour@lab --tls --body 'In secret.'
  client curl -s -u keeper:lamp pop3://mail.lab/1
  client curl -s -u keeper:lamp imap://mail.lab/INBOX -X 'FETCH 1 BODY[TEXT]'
  client curl -s -u keeper:wrong imap://mail.lab/INBOX
}

remote_shell() {
  local options="-i $lab/user_key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
  client ssh $options root@10.20.0.2 'head -c 20000 /run/lab/www/light.bin'
  for name in root admin pi; do # somebody tries names
    guest ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes \
      -o LogLevel=ERROR $name@10.20.0.2 true
  done
}

clock() {
  client chronyd -Q -t 4 -f /dev/null "server 10.20.0.2 iburst maxsamples 1" "cmdport 0" "pidfile $lab/chrony-client.pid"
  client logger -n 10.20.0.2 -P 514 -d --rfc5424=notime,notq,nohost -t keeper 'the lamp is lit'
  client logger -n 10.20.0.2 -P 514 -d --rfc3164 -t keeper 'fog from the west'
}

groups() { # multicast groups joined and left, in each version of IGMP
  cat >$lab/groups.py <<'PY'
import socket, struct, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for group in ("239.1.2.3", "239.1.2.4"):
    s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + socket.inet_aton("0.0.0.0"))
time.sleep(0.5)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 2)
s.sendto(b"fog horn", ("239.1.2.3", 5007))
s.setsockopt(socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP, socket.inet_aton("239.1.2.4") + socket.inet_aton("0.0.0.0"))
time.sleep(0.5)
PY
  ip -n client route add 239.0.0.0/8 dev eth0
  for version in 3 2 1; do
    ip netns exec client sysctl -qw net.ipv4.conf.eth0.force_igmp_version=$version
    client python3 $lab/groups.py
  done
}

vlans() {
  ip -n router link add link br0 name br0.20 type vlan id 20
  ip -n client link add link eth0 name eth0.20 type vlan id 20 egress-qos-map 0:5
  ip -n router addr add 10.20.20.1/24 dev br0.20 && ip -n client addr add 10.20.20.2/24 dev eth0.20
  ip -n router link add link br0 name br0.30 type vlan proto 802.1ad id 30
  ip -n client link add link eth0 name eth0.30 type vlan proto 802.1ad id 30
  ip -n router link add link br0.30 name br0.30.40 type vlan id 40
  ip -n client link add link eth0.30 name eth0.30.40 type vlan id 40
  ip -n router addr add 10.30.40.1/24 dev br0.30.40 && ip -n client addr add 10.30.40.2/24 dev eth0.30.40
  for host in router client; do
    for link in $([ $host = router ] && echo br0 br0 || echo eth0 eth0); do
      ip -n $host link set $link.20 up; ip -n $host link set $link.30 up; ip -n $host link set $link.30.40 up
    done
  done
  client ping -c 2 -i 0.3 10.20.20.1
  client dig +tries=1 -b 10.20.20.2 @10.20.20.1 server.lab
  client ping -c 2 -i 0.3 10.30.40.1
}

tunnels() { # each carries a ping and a page from the server to the client
  local mine number=1
  mine=$(ip -n client -4 -o addr show dev eth0 | sed -n 's/.*inet \(10\.10\.0\.[0-9]*\).*/\1/p' | head -1)
  tunnel() { # name, options without the ends, options of the ends
    local from="10.5$number.0.1" to="10.5$number.0.2"
    ip -n server link add "$1" type $2 remote "$mine" $3 && ip -n client link add "$1" type $2 remote 10.20.0.2 $4
    ip -n server addr add $from/24 dev "$1" && ip -n client addr add $to/24 dev "$1"
    ip -n server link set "$1" up && ip -n client link set "$1" up
    # a tunnel of bare IP packets: link type RAW
    [ "$1" = ipip1 ] && recorder client tcpdump -q -i ipip1 -c 15 -w "$lab/tunnel.pcap" && sleep 2
    client ping -c 2 -i 0.3 $from
    client curl -s "http://$from/index.html"
    number=$((number + 1))
  }
  tunnel gre1 "gre ttl 64 key 7" "local 10.20.0.2" "local $mine"
  tunnel tap1 "gretap ttl 64" "local 10.20.0.2" "local $mine"
  tunnel ipip1 "ipip ttl 64" "local 10.20.0.2" "local $mine"
  tunnel vx1 "vxlan id 42 dstport 4789" "local 10.20.0.2" "local $mine"
  tunnel gen1 "geneve id 43" "" ""
  ip -n server link add sit1 type sit ttl 64 local 10.20.0.2 remote "$mine"
  ip -n client link add sit1 type sit ttl 64 local "$mine" remote 10.20.0.2
  ip -n server addr add fd00:56::1/64 dev sit1 && ip -n client addr add fd00:56::2/64 dev sit1
  ip -n server link set sit1 up && ip -n client link set sit1 up
  client ping -c 2 -i 0.3 fd00:56::1
}

bad_weather() { # loss, reordering, duplicates and delay, both ways
  local weather="delay 8ms 3ms loss 3% reorder 20% 50% duplicate 2%"
  ip netns exec router tc qdisc add dev lan root netem $weather
  ip netns exec client tc qdisc add dev eth0 root netem $weather
  client curl -4 -s http://server.lab/light.bin
  client curl -6 -s http://server.lab/log.txt
  ip netns exec router tc qdisc del dev lan root
  ip netns exec client tc qdisc del dev eth0 root
}

bad_manners() { # closed and silent ports, a scan, an abandoned download, a slow reader, an idle connection kept alive
  client curl -s --connect-timeout 4 http://10.97.0.1/
  client curl -s http://10.20.0.2:9/
  cat >$lab/scan.py <<'PY'
import socket
for port in [*range(20, 60), 81, 443, 3306, 8080]:
    with socket.socket() as s:
        s.settimeout(0.3)
        s.connect_ex(("10.20.0.2", port))
PY
  guest python3 $lab/scan.py
  cat >$lab/reader.py <<'PY'
import socket, struct, time
with socket.socket() as s:  # the window closes, opens and closes again
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4000)
    s.connect(("10.20.0.2", 80))
    s.sendall(b"GET /log.txt HTTP/1.0\r\nHost: server.lab\r\n\r\n")
    for _ in range(4):
        time.sleep(0.6)
        s.recv(6000)
with socket.socket() as s:  # hung up in the middle
    s.connect(("10.20.0.2", 80))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.sendall(b"GET /light.bin HTTP/1.0\r\nHost: server.lab\r\n\r\n")
    s.recv(2000)
PY
  client python3 $lab/reader.py
  client timeout 6 socat -u TCP:10.20.0.2:7001,keepalive,keepidle=1,keepintvl=1 STDOUT
  cat >$lab/beacon.py <<'PY'
import socket, time
begin = time.monotonic()
for number in range(8):  # something calls home at the same interval
    time.sleep(max(0, begin + number - time.monotonic()))
    with socket.create_connection(("10.20.0.2", 80)) as s:
        s.sendall(b"GET /form HTTP/1.0\r\nUser-Agent: beacon/0.1\r\n\r\n")
        while s.recv(1000):
            pass
PY
  guest python3 $lab/beacon.py
}

several_streams() { # SCTP: a short association and one with data in several chunks
  echo 'lamp' | client socat -t 1 - SCTP:10.20.0.2:7000
  head -c 5000 $lab/www/log.txt | client socat -t 1 - SCTP:10.20.0.2:7000
  router sh -c "echo fog | socat -t 1 - SCTP:10.20.0.2:7000"
  client timeout 5 socat - SCTP:10.20.0.2:7999 </dev/null # nobody listens: ABORT
}

between_servers() { # seen on `dmz` only
  router ping -c 2 -i 0.3 10.20.0.2
  router curl -s http://10.20.0.2/index.html
  router chronyd -Q -t 3 -f /dev/null "server 10.20.0.2 iburst maxsamples 1" "cmdport 0" "pidfile $lab/chrony-router.pid"
}

# --- recording -------------------------------------------------------------------------------------------------------

recorders=()
recorder() { # host command...
  ip netns exec "$@" 2>>"$lab/recorders.log" &
  recorders+=($!)
}

record() {
  local inside="net 10.10.0.0/16 or net fd00:10::/64 or net 10.48.0.0/12"
  recorder router dumpcap -q -i lan -i lan2 -i dmz -f "not ($inside)" -w "$lab/router.pcapng"
  recorder client tcpdump -q --nano -i any -y LINUX_SLL2 -c 250 -w "$lab/any_interface.pcap" 'icmp or icmp6 or arp or port 53'
  recorder client tcpdump -q -i any -y LINUX_SLL -c 60 -w "$lab/cooked.pcap" 'igmp or udp'
  recorder client tcpdump -q -s 60 -i eth0 -c 200 -w "$lab/snaplen.pcap" 'tcp or port 53'
  sleep 3
}

finish() {
  sleep 2
  kill -INT "${recorders[@]}" 2>/dev/null
  wait "${recorders[@]}"
  kill "${daemons[@]}" 2>/dev/null
  python3 "$here/annotate.py" "$lab/router.pcapng" "$lab/secrets.txt" "$lab/demo.pcapng"
  editcap -r -F pcap "$lab/router.pcapng" "$lab/classic.pcap" 1-300 # times in microseconds
  head -c 20000 "$lab/classic.pcap" >"$lab/truncated.pcap"          # ends in the middle of a packet
  cp "$lab"/{demo.pcapng,any_interface.pcap,cooked.pcap,snaplen.pcap,tunnel.pcap,classic.pcap,truncated.pcap} "$out/"
  chmod 644 "$out"/*.pcap*
  mkdir -p "$out/logs" && cp "$lab"/*.log "$out/logs/"
  {
    date -u +'Recorded %Y-%m-%d %H:%M UTC, by record.sh.'
    uname -srm
    dpkg-query -W -f '${Package} ${Version}\n' avahi-daemon bind9-dnsutils chrony curl dnsmasq-base dovecot-core iproute2 \
      iputils-arping iputils-ping isc-dhcp-client nginx-light openssh-server openssl python3-aiosmtpd socat swaks \
      tcpdump traceroute tshark user-mode-linux
  } >"$out/versions.txt"
}

say network && network && walls
say servers && certificate && pages && record
dns_and_dhcp
web
mail_servers
other_servers
announcers
sleep 8
for part in addresses names pings browsing letters remote_shell clock groups vlans tunnels bad_weather bad_manners several_streams \
  between_servers; do
  say $part
  $part
done
say finish && finish
if [ $$ != 1 ]; then # the user-mode machine forgets everything by itself
  for host in client guest router server; do ip netns del $host; done
  umount /etc/netns
  rm -rf "$lab"
fi
say done
[ $$ = 1 ] && { sync; poweroff -f; }
exit 0
