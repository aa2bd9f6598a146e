"""What each setting is for, in the same three modules as the tables. Only settings_help.py imports them."""
