"""The way to the network: `link` (WiFi, Ethernet, none), the modem (`modem/`), and above any of them `tcp`, `connect`,
`tls`, `http`, `url`. `tcp` alone knows what sockets call "not yet".

May import core, security, iec102 and config, never what uses the network.
"""
