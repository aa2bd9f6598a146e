"""What runs on the installer's computer (CPython). Each tool: `python -m tools.NAME --help`."""
