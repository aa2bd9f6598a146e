"""lwIP of a Pico W, stood in for where there is none: on MicroPython's unix port and in tests on CPython.

`ppp` negotiates, `tcp` and `stack` carry sockets through it as IP packets, `relay` serves a device process beside the
simulated modem, `local` a test in its own process. `device/` holds the modules `network` and `socket` that a launcher
lays into MicroPython's path (`lay`): the firmware imports them as a board's own.

It is as unkind as the real one was seen to be on an emulated Pico W and as its sources say (MicroPython's
extmod/network_ppp_lwip.c, extmod/modlwip.c, ports/rp2/mpnetworkport.c; lwIP's netif/ppp and core/tcp_out.c): one
control block for PPP, lost for good when closed the wrong way; timers that stand still while nothing is up; memory
for 8,000 bytes; everything sent at once that may be; a short write of PPP's stream ends a connection; errors in
the port's numbers. Nothing in firmware/ imports from here.
"""
