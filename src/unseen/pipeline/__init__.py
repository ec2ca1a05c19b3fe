"""From a photograph to an explanation, and to a sheet of many."""
