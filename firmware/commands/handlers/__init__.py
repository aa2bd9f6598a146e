"""What commands do: a function for each, found by its row in grammar.py."""
