"""Steps through the headers of tunnels, one module each; the function of a module has the name of its step.

A step is `(data, keys, w) -> Next`, see netlake.kernels.answers and netlake.kernels.walk_link. What is inside belongs
to flows of its own, and `Next.identifier` distinguishes tunnels between the same two hosts:
- the number that both directions carry (VNI, GRE key, PPPoE session, ERSPAN session);
- 0 where the directions carry different numbers (GTP, L2TP);
- -1 where the header begins no flows of its own, because it may be there in one direction only (MPLS, NSH, tags).

A tunnel over UDP may have a second function, NAME_fits: `(data, keys, w) -> bool`, whether the payload is certainly its
header. It is called where the other port of the datagram belongs to another table (netlake.kernels.walk_ports), so it
checks everything that is fixed: reserved bits, lengths, what follows. Without it the step fits where it reads its
header without a fault and finds a known payload.

A payload without a number of its own is identified by its first four bits, as routers do; TUNNEL_PAYLOAD with that
number is a payload that is unknown.
"""
