"""Defences at inference time, one module each: what a model's answers become."""
