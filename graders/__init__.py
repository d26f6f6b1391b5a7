"""Decides and scores: plain values in, plain values out; no HTTP, no Redis, no settings."""
