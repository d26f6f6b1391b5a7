"""Shaping: what a completion's text is worth beside its answer. One file per family; components.py lists them all."""
