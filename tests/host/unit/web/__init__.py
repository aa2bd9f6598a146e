"""The device's page."""
