"""The data sets of the targets, one loader module for each."""
