"""The time: `clock` (UTC now, where it is from, and who keeps it right), `zone` (summer time).

`timesync` is loaded for the moment it asks, `zone` for whoever needs it. May import port, diag and core.
"""
