"""What is known of each metric without importing it, by family."""
