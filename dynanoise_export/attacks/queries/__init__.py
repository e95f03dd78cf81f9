"""Ask a deployed model as a client does, and keep what it answered."""
