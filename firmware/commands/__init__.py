"""AT commands: one table, one dispatcher, and the channels that use it.

Resident: `dispatcher` (what a channel hands its lines to) and `channels/`. Loaded for the moment a command takes:
`executor` carries a line out and writes its answer, `grammar` splits it and knows every command, `handlers/` are what
commands do, `leave` who may change what. May import meters, config and core; what is the device's comes in through the
`device` object (see dispatcher.py).
"""
