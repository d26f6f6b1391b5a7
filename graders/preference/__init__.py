"""Preference: a reward model or a chat judge gives the number; here is what it is asked and how its reply is read."""
