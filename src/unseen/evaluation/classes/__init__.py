"""What a model's decisions for a class have in common, over many photographs."""
