"""Defences at training and at inference time, side by side."""
