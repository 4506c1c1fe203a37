"""sFlow: switches and routers send samples of their packets, and the counters of their interfaces.

`sflow` has a row for each datagram, `sflow_flow_sample` and `sflow_counter_sample` one for each sample in it.
"""
