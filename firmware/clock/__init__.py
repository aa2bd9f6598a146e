"""The time: `clock` (UTC now and where it is from), `zone` (summer time), and who keeps it right (`timekeeper`).

`timesync` and `ntp` are loaded for the moment they ask. May import port and diag.
"""
