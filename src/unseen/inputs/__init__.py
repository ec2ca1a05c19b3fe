"""What a model is shown: reading photographs, their neighbourhoods, and random numbers that belong to them."""
