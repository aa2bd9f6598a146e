"""The records' ways out, each a delivery: `mqtt/`, whose `publisher` drains the record log, and `sender`, which loads
`http` or `ftp` while something is to be sent; `options` makes these two of the settings.

A delivery is a service in `device.deliveries`: `name` (what GETSTATUS calls it), `run()`, `state` ("off" where it is
not wanted), `connected` (bool), `connections` (how often it has been), `status()` (dict), `await leave()` before a
restart. It is handed its cursor in the log and acknowledges there what it has delivered, never before. What is
MQTT's own (topics, replies, Home Assistant: `discovery` and, loaded for a moment, `homeassistant`) asks for
`device.mqtt`.
May import net, meters, recordlog, config, security and core; handed everything else by the app.
"""
