"""Ways of explaining a decision; ``unseen list methods`` shows them."""
