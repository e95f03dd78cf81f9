"""Hugging Face folders as sources, opened through transformers."""
