"""Explanations as HTML that loads nothing: whole pages for reports, and cells for notebooks."""
