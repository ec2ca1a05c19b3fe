"""Zero information: images, and parts of images, of which a classifier can make nothing.

Source: Lymperopoulos, *A Study of Explainable AI: The Concept of Zero Information*, 2023, chapters 8 and 9, with its
formulas corrected where they cannot be meant as they are printed.
"""
