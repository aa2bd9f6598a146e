"""MicroPython name of socket, for umqtt.simple 1.3.4 on CPython."""

from socket import *  # noqa: F403
