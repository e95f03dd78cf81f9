"""Checks that a defended model equals its reference, and that its noise is alive."""
