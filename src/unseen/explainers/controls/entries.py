"""Maps that know nothing of the model."""

from __future__ import annotations

from unseen.explainers.entry import map_entry

_ADEBAYO = "Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018"

ENTRIES = {
    "random": map_entry(
        "controls.maps:RandomMap",
        "control: noise, another for every photograph",
        _ADEBAYO,
        "0",
    ),
    "uniform": map_entry("controls.maps:UniformMap", "control: the same value everywhere", _ADEBAYO, "0"),
    "edges": map_entry(
        "controls.maps:Edges",
        "control: an edge detector, which knows the photograph and not the model",
        _ADEBAYO,
        "0",
    ),
}
