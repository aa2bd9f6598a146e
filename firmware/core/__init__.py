"""What every other room stands on and that knows none of them: overlay.py says which code is in memory, and whose turn
it is to fill the heap.

May be imported by everything; imports firmware.port and nothing else.
"""
