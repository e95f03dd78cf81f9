"""The playground: a page in which an exported head answers in the browser."""
