"""Masked autoencoders: those of transformers, loaded, asked about any mask, and trained on a user's photographs."""
