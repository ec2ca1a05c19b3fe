"""Maps from the self-attention of a transformer: how its tokens mix, and how the score answers to that."""
