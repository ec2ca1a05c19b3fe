"""What numbers mean, where a source says it itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from unseen import load_classifier
from unseen.classifier.outputs.catalogue import OUTPUTS

MEANT = {"multi_label_classification": "sigmoid", "single_label_classification": "logits", "regression": "value"}


@pytest.mark.parametrize(("problem", "said"), [*MEANT.items(), (None, None)])
def test_transformers_say_what_their_numbers_mean(tmp_path: Path, problem: str | None, said: str | None) -> None:
    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    config = transformers.ViTConfig(**sizes, image_size=32, num_labels=3, problem_type=problem)
    transformers.ViTForImageClassification(config).eval().save_pretrained(tmp_path)
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(tmp_path)
    classifier = load_classifier(f"hf:{tmp_path}", device="cpu")
    assert OUTPUTS.spec_of(classifier.outputs) == (said or "logits")
    assert classifier.is_assumed == (said is None)
    assert not classifier.notes
