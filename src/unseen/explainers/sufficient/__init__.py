"""From a map of a photograph to the parts of it that suffice for the model's decision."""
