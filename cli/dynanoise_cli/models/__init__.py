"""The program `dynanoise-models`: one module for each command."""
