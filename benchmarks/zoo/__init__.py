"""Models by others and by many tools: what `export` and `validate` make of each."""
