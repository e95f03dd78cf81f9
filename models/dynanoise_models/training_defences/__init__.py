"""Defences at training time, one module each: how a model is trained so that it leaks less about its rows."""
