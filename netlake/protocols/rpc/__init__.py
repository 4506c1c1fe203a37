"""ONC RPC over UDP: calls of procedures of a server's programs, among them the port mapper, mount and NFS.

`rpc` has a row for each message of any program. `portmap` and `mount` have the arguments and results of their programs.
"""
