"""What a defence costs: a defended model and its plain twin in turn, each call timed."""
