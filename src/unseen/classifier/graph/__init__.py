"""A pass as a graph: recorded once from torch, then run by another engine on any batch.

What is recorded are the tensor operations of a pass, below everything that Python does around them. A pass may be
masked: what follows from masks alone is told from what follows from the photographs, and stays outside of the graph.
"""
