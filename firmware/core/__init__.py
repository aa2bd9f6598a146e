"""What every room may use and what imports no other room: errors.py, the classes, and what they say (error_*.py)."""
