"""Where commands come from: console, MQTT topic, tag readers; each hands its lines to the dispatcher."""
