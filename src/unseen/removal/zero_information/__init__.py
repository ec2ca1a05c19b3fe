"""Zero information: images, and parts of images, of which a classifier can make nothing.

Source: seed 002 (the thesis on zero information), chapters 8 and 9, with its formulas corrected where they cannot be
meant as they are printed.
"""
