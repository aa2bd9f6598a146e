"""AT commands: one table, one processor, and the channels that use it.

Resident: `processor` (what a channel hands its lines to) and the channels `console`, `tags` and `remote` (MQTT).
Loaded for the moment a command takes: `runner` carries a line out, `parser` splits it, `table` knows every command,
`basic`, `setup` and `readings` are what they do, `leave` who may change what, `help` what they are for. May import
config, settings, port, diag and zone; what is the device's comes in through the `device` object (see processor.py).
"""
