"""What is done with a till's sales."""
