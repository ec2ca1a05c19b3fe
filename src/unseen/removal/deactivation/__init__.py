"""Activation–Deactivation: hide a part by switching off what depends on it, in any trained network.

``grid`` says which positions are on and how that travels; ``interception`` follows tensors through an untouched
network; ``windows``, ``pointwise`` and ``layout`` hold the rules, one per kind of operation; ``activation`` is the
removal.
"""
