"""The device's own page: a channel of commands like the console and MQTT, for a browser on the same network.

`server` takes connections and bounds what they cost, `api` answers their requests, `login` knows who is there. The
page itself lies beside the version as one file (tools/page/build.py). It may import commands, config and core; app
alone imports it.
"""
