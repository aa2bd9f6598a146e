"""The firmware: everything that runs on the board. See docs/architecture.md for what may import what."""
