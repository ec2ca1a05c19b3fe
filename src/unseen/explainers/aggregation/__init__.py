"""Aggregation: several maps of one photograph joined into one that serves a stated goal best."""
