"""What the figures of README.md are measured with."""
