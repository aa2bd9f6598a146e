"""Readings to JSON: `telemetry` in TITAN's form, `extended` and its parts in the second one (docs/json.md).

Loaded for a session and let go. May import iec102, clock.zone and port; where a record goes is not known here.
"""
