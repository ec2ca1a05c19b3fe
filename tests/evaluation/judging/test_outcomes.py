from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from unseen.errors import OutputError
from unseen.evaluation.judging.ledger import Ledger, read
from unseen.evaluation.judging.outcomes import JudgedPart, Measurement, Outcome
from unseen.evaluation.judging.plan import Plan
from unseen.evaluation.judging.subject import Subject


def test_outcomes_that_are_there_together_are_written_together_or_not_at_all(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, Plan((Path("one.jpg"),)), {"seed": 0, "files": {}})
    one, two = (Outcome(Subject.of(Path(name)), "causal", "ad", label="cat") for name in ("one.jpg", "two.jpg"))
    broken = Outcome(two.subject, "causal", "ad", label="\ud800")  # what no database takes
    with pytest.raises(OutputError):
        ledger.write(one, broken)
    assert ledger.outcome(one.subject, "causal", "ad") is None
    ledger.write(one, two)
    assert {row.photo for row in read(tmp_path)} == {"one.jpg", "two.jpg"}
    ledger.close()


def test_a_mask_travels_between_processes_as_few_bytes() -> None:
    mask = torch.zeros(500, 700, dtype=torch.bool)
    mask[100:200, 300:400] = True
    sent = pickle.dumps(JudgedPart(0.5, mask, True, "", {"size": Measurement(0.25)}))
    assert len(sent) < 2000
    found = pickle.loads(sent)
    assert torch.equal(found.mask, mask)
    assert (found.confidence, found.verified, found.measurements) == (0.5, True, {"size": Measurement(0.25)})
    assert pickle.loads(pickle.dumps(JudgedPart(0.9, None, reason="none"))).mask is None
