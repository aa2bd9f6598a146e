"""Started by MicroPython before main.py. Finds device libraries in lib/."""

import sys

if "/lib" not in sys.path:
    sys.path.append("/lib")
