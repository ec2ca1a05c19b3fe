"""Judging explanations by networks trained anew; ``unseen retrain`` runs it.

A metric here is no number of one map: it trains a network, explains a whole data set by it, and trains again.
"""
