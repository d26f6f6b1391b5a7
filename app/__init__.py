"""The only package that knows HTTP, Redis, settings, logs and metrics."""
