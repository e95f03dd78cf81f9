"""The command line: one module for each command, and no logic of its own."""
