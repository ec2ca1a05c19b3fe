"""Pictures of explanations, drawn for a reader who doubts them; matplotlib is imported when one is made."""
