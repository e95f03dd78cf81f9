"""`tune`: find the parameters of a defence for a model, and say whether the defence buys anything."""
