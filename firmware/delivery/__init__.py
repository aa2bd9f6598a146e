"""The records' ways out, each a delivery; so far there is one, `mqtt/`. `publisher` drains the record log for it.

A delivery is a service in `device.deliveries`: `name` (what GETSTATUS calls it), `run()`, `state` ("off" where it is
not wanted), `connected` (bool), `connections` (how often it has been), `status()` (dict), `await leave()` before a
restart. It is handed the log and acknowledges there what it has delivered, never before. What is MQTT's own (topics,
replies, Home Assistant: `discovery` and, loaded for a moment, `homeassistant`) asks for `device.mqtt`.
May import net, meters, recordlog, config and core; handed everything else by the app.
"""
