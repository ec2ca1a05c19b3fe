"""Other programs that explain by hiding, and what they do on the same photographs."""
