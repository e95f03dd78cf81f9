"""What a defence costs: a defended model and an undefended one take turns, and each call is timed."""
