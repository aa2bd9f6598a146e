"""The way to the network: links, TCP, TLS, HTTP, the time from the network, and the modem (`modem/`).

May import core, security, iec102 and config, never what uses the network.
"""
