"""The composition root: builds the parts, starts their services, and has what only the whole device can tell or do.

May import every room; none imports it. `start()` is where main.py of installed devices looks for it.
"""

from firmware.app.main import start  # noqa: F401  see above
