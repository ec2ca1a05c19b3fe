"""Why the defaults are what they are, and what each lever does."""
