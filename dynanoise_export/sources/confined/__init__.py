"""Files of strangers that need PyTorch, opened in a process that can do nothing but answer."""
