"""The tables of the settings, in three modules so that looking one up costs little memory.

The lines are explained in firmware/config/settings.py, which alone may import them.
"""
