"""What an evaluation shows."""
