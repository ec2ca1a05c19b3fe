"""Maps that know nothing of the model: what a metric must be able to tell from an explanation."""
