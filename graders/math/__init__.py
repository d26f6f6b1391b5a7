"""Maths answers by symbolic equivalence; text is parsed, never evaluated."""
