"""The way to the broker: an MQTT session over umqtt.simple that never blocks, and the drain of the log.

`guard` stands between umqtt.simple and the socket, `stream` is the socket, `session` one connection's life, `service`
keeps one up and drains the log through it. May import port and diag; handed everything else by the app.
"""
