"""The data sets of the targets: one module with a loader for each."""
