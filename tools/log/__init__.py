"""`python -m tools.log`: what is in the record log of a flash image or a board. On the installer's computer only."""
