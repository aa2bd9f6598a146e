"""The way to the broker: an MQTT session over umqtt.simple that never blocks, and the drain of the log.

`stream` is the socket and what stands between umqtt.simple and it, `session` a connection that is up, `login` (in
memory only while it is needed) its beginning and end, `publisher` what goes out, `service` keeps it all going, `state`
tells of it.
May import port and diag; handed everything else by the app.
"""
