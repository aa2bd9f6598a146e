"""A cellular modem without a radio: AT commands of eleven models, CMUX, a PPP peer, and everything
that goes wrong.

`python -m tools.modem --help` starts it on a pty or a TCP port. `engine.Modem` is the modem
itself: bytes in, bytes out, a clock that is handed to it, so that tests can run hours of it in
virtual time. Whatever travels over its PPP link is forwarded to this machine's loopback and
nowhere else.
"""
