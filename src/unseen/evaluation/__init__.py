"""Judging methods and removals on many photographs: plans, ledgers, statistics and reports."""
