"""Query plans, one module each: what an attacker sends for a row, and the number that it reads off the answers."""
