"""The record log: see ring.py. Imported by app; imports port only."""
