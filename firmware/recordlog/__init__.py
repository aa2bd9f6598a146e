"""The record log: `ring` is its face, `format` how it stands on flash; `mount`, `find` and `segments` are loaded for a
moment. Handed to the app's other parts; may import core.
"""
