"""The places where a model runs, each behind the same few calls."""
