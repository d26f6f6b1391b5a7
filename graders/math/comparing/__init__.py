"""How answers of each kind are compared; kinds.py is the table and the way in."""
