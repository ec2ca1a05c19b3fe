"""How far from photographs is what the model makes of a photograph of which a part is hidden?"""
