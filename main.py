"""Started by MicroPython after boot.py: builds this board and runs the app."""

from firmware import app

app.start()
