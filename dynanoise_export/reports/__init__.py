"""What people and programs read of a result: tables on a terminal, and JSON."""
