"""What every other room stands on and that knows none of them: overlay.py says which code is in memory, and whose turn
it is to fill the heap; errors.py has the classes of errors, and what they say is in error_*.py.

May be imported by everything; imports firmware.core.compat and nothing else.
"""
