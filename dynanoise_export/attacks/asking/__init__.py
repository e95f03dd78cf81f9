"""How an attacker asks: clients of the target and of shadow models, and a cache of what came back."""
