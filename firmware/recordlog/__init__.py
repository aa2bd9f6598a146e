"""The record log: ring.py is its face, format.py how it stands on flash. Imported by the app; imports port, core."""
