"""Parts that keep a decision whatever is around them, with a bound from backgrounds that the search never saw."""
