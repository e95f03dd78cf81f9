"""Queries: what a client sends to a model, and the client that sends it."""
