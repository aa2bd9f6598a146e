"""The record log: ring.py is its face, format.py says how it stands on the flash. Imported by the app; imports port."""
