"""Is a defended model equal to its reference, and is its noise alive."""
