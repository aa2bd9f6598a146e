"""A simulated IEC 60870-5-102 meter: `python -m tools.meter --help`.

`model` is the meter's physics and memory, `station` its side of the protocol, `answers` what it says to each request,
`faults` what may go wrong with its line, `line` the pty or TCP port with real pacing. `station.Station` and
`model.Meter` need no socket and no real clock, so that tests can run months in seconds.
"""
