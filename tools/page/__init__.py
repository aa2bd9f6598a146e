"""The device's page on this computer: built into one file, and served over the cable or through the broker.

`build.py` puts firmware/web/page/ together; `server.py` serves it on localhost and hands its AT commands to a way
(`cable.py`, `broker.py`). It may import tools.board, tools.fleet and firmware.config; nothing imports it but the
build.
"""
