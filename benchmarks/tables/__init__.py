"""What the manual shows: tables, figures and whole pages."""
