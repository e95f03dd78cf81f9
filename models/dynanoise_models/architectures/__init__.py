"""The networks of the targets: one module for each family."""
