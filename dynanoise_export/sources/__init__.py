"""Open the user's classifier: one module for each format, and all of them return a SourceModel."""
