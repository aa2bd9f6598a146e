"""MQTT: the session with the broker, its login and the service that keeps it."""
