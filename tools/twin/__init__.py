"""The twin: the real firmware on MicroPython's unix port, with a simulated meter and a real broker around it.

`python -m tools.twin` (or `make run`) starts everything and shows what arrives. `device.Twin` is the same thing
as a Python object, for tests and benchmarks. Nothing in firmware/ imports from here.
"""
