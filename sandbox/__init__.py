"""Runs untrusted bytes; has never heard of tasks, rewards, HTTP or Redis."""
