"""The grammar of short answers: a parser in layers, each file one level of it (see cursor.py)."""
