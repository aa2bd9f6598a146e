"""The protocol IEC 60870-5-102, Spanish REE profile (RM-CM): bytes in, values out.

`ft12` frames, `asdu` application data (with one module per family of types), `timetag` its times, `errors` what can
go wrong; `link` and `master` drive a session over any port. The codec serves both directions, so the simulator
in tools/meter speaks with the same words. May import core; imported by meters, app and tools.
"""
