"""Maps from a transformer's attention."""

from __future__ import annotations

from unseen.explainers.entry import map_entry

ENTRIES = {
    "attention-rollout": map_entry(
        "attention.maps:AttentionRollout",
        "a transformer's attention multiplied through its layers; the same for every class",
        "Abnar & Zuidema, Quantifying Attention Flow in Transformers, ACL 2020",
    ),
    "chefer": map_entry(
        "attention.maps:AttentionRelevance",
        "a transformer's attention times its positive gradients, added up through its layers",
        "Chefer, Gur & Wolf, Generic Attention-model Explainability, ICCV 2021",
    ),
}
