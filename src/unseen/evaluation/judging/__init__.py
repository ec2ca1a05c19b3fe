"""Photographs × methods × removals × metrics: plan, ledger, engine, report."""
