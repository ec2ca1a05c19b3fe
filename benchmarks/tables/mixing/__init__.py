"""Parts of ``aggregation.py``: what is asked of photographs, what is compared, and what is reported."""
