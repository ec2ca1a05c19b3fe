"""Class activation maps: the last feature map of a network, weighed for a class."""
