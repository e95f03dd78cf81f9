"""Open what the user has: one module for each format, and all of them return a SourceModel."""
