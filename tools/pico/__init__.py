"""An emulated Pico W around MicroPython's own image: the firmware on the real lwIP and a real 32-bit heap.

`python -m tools.pico IMAGE` (or `make pico IMAGE=...`) shows it at work; `rig.Rig` is the same as a Python object,
for tests/pico. The peripherals are those of rp2040py (PyPI); the core (core.pyx, *.h) and the UARTs (pl011.py) are our
own, because its core is too slow by a factor of twenty and its UARTs know no FIFO and no time. What the emulator does
not have: the second core, the time that writing flash takes, faults of the bus, an RP2350.
"""
