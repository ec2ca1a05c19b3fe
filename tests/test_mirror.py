"""Tests mirror the source: ``unseen/a/b.py`` is tested in ``tests/a/test_b.py``, or by the test that is named here."""

from __future__ import annotations

from pathlib import Path

import unseen

SOURCE = Path(unseen.__file__).parent
TESTS = Path(__file__).parent

TESTED_BY = {
    "explanation/html/blocks": "report/test_writing.py",
    "explanation/html/maps": "explanation/html/test_rendering.py",
    "report/by_class": "cli/test_classes.py",
    "app/comparing": "app/test_page.py",
    "app/drawing": "app/test_page.py",
    "app/evaluation": "app/test_page.py",
    "app/explaining": "app/test_page.py",
    "app/hiding": "app/test_page.py",
    "app/resources": "app/test_page.py",
    "app/running": "app/test_page.py",
    "app/results": "app/test_page.py",
    "app/trial_cards": "app/test_page.py",
    "report/compared": "report/test_writing.py",
    "report/explained": "report/test_writing.py",
    "report/listed": "report/test_writing.py",
    "report/measured": "evaluation/test_told.py",
    "report/reading": "report/test_writing.py",
    "report/tried": "report/test_writing.py",
    "system/contract": "test_registry.py",
    "system/spelling": "test_registry.py",
    # what a command or a method prints, draws or shares is tested by what it prints, draws or shares
    "classifier/graph/session": "classifier/test_inference.py",
    "classifier/graph/tape": "classifier/graph/test_recorded.py",
    "classifier/graph/translating": "classifier/graph/test_recorded.py",
    "classifier/graph/writing": "classifier/graph/test_recorded.py",
    "classifier/backend_names": "classifier/test_backend.py",
    "classifier/devices": "classifier/test_classifier.py",
    "classifier/outputs/base": "classifier/outputs/test_catalogue.py",
    "classifier/prepared": "classifier/test_preprocessing.py",
    "removal/checks": "removal/test_masked.py",
    "explanation/nifti": "pipeline/test_spaces.py",
    "explanation/plotting/flat": "pipeline/test_spaces.py",
    "explanation/plotting/upright": "pipeline/test_spaces.py",
    "explanation/plotting/signals": "pipeline/test_spaces.py",
    "cli/export": "evaluation/judging/test_exporting.py",
    "cli/merge": "evaluation/judging/test_merging.py",
    "cli/loading": "cli/test_explain.py",
    "cli/messages": "cli/test_app.py",
    "cli/options": "cli/test_evaluate.py",
    "criteria/catalogue": "criteria/test_checks.py",
    "criteria/invariance": "criteria/test_networks.py",
    "criteria/pairs": "criteria/test_networks.py",
    "criteria/rewrites": "criteria/test_networks.py",
    "criteria/verdict": "criteria/test_checks.py",
    "evaluation/classes/figures": "evaluation/classes/test_viewing.py",
    "evaluation/classes/maps": "evaluation/classes/test_viewing.py",
    "evaluation/classes/summary": "evaluation/classes/test_viewing.py",
    "evaluation/classes/view": "evaluation/classes/test_viewing.py",
    "evaluation/content": "evaluation/distance/test_store.py",
    "evaluation/distance/features": "evaluation/distance/test_measuring.py",
    "evaluation/distance/figures": "cli/test_distance.py",
    "evaluation/distance/report": "evaluation/distance/test_measuring.py",
    "evaluation/judging/agreement": "evaluation/judging/test_separation.py",
    "evaluation/judging/judgements": "evaluation/judging/test_separation.py",
    "evaluation/judging/estimate": "cli/test_plan.py",
    "system/engines/work": "evaluation/judging/test_engine.py",
    "evaluation/judging/report/figures": "evaluation/judging/report/test_report.py",
    "evaluation/judging/report/maps": "evaluation/judging/test_separation.py",
    "evaluation/judging/report/values": "evaluation/judging/report/test_report.py",
    "evaluation/judging/subject": "evaluation/judging/test_ledger.py",
    "evaluation/retraining/trainer": "evaluation/retraining/test_roar.py",
    "evaluation/retraining/figures": "evaluation/retraining/test_roar.py",
    "evaluation/retraining/maps": "evaluation/retraining/test_roar.py",
    "evaluation/retraining/network": "evaluation/retraining/test_training.py",
    "evaluation/retraining/report": "evaluation/retraining/test_roar.py",
    "explainers/aggregation/method": "explainers/aggregation/test_aggregating.py",
    "explainers/entry": "explainers/test_catalogue.py",
    "explainers/gradients/baselines": "explainers/gradients/test_integrated.py",
    "explainers/hiding/adaptive": "explainers/hiding/test_iassa.py",
    "explainers/hiding/windows": "explainers/hiding/test_occlusion.py",
    "explainers/method": "explainers/test_catalogue.py",
    "explainers/propagation/lrp_pass": "explainers/propagation/test_lrp.py",
    "explanation/findings": "explanation/test_explanation.py",
    "explanation/roles": "explanation/test_explanation.py",
    "explanation/plotting/columns": "explanation/plotting/test_figures.py",
    "explanation/plotting/contact": "cli/test_summary.py",
    "explanation/plotting/drawn": "explanation/plotting/test_figures.py",
    "explanation/plotting/original": "explanation/test_original.py",
    "explanation/plotting/mixture": "explanation/plotting/test_weights.py",
    "explanation/plotting/page": "explanation/plotting/test_figures.py",
    "explanation/plotting/palette": "explanation/plotting/test_figures.py",
    "inputs/arrays": "inputs/test_reading.py",
    "inputs/opening": "inputs/test_photo.py",
    "inputs/stored": "inputs/test_reading.py",
    "inputs/tiff": "inputs/test_reading.py",
    "inputs/neighbourhood": "metrics/test_sensitivity.py",
    "inputs/streams": "removal/fills/test_noise.py",
    "metrics/catalogue": "test_registry.py",
    "metrics/entry": "test_registry.py",
    "metrics/redrawing": "metrics/test_randomisation.py",
    "metrics/soft": "metrics/test_drop.py",
    "evaluation/judging/measurements": "evaluation/judging/report/test_report.py",
    "pipeline/check_model": "pipeline/test_model_checks.py",
    "pipeline/comparison": "pipeline/test_sheet.py",
    "pipeline/many": "cli/test_explain.py",
    "pipeline/provenance": "pipeline/test_explain.py",
    "removal/deactivation/cells": "removal/deactivation/test_grid.py",
    "removal/deactivation/masked_model": "explainers/propagation/test_lrp.py",
    "removal/deactivation/places": "removal/deactivation/test_placement.py",
    "removal/fills/averaging": "removal/fills/test_distance.py",
    "removal/fills/dataset_mean": "removal/fills/test_marginal.py",
    "removal/fills/painting": "removal/fills/test_constant.py",
    "removal/zero_information/descent": "removal/zero_information/test_point.py",
    "trials/remoteness": "trials/test_hiding.py",
    "trials/trial": "trials/test_hiding.py",
    "trials/trials": "trials/test_hiding.py",
    "trials/words": "trials/test_hiding.py",
    "system/database": "evaluation/judging/test_ledger.py",
    "system/optional": "classifier/zoo/test_loading.py",
    "system/pictures": "pipeline/test_sheet.py",
    "classifier/zoo/bundled": "classifier/zoo/test_loading.py",
    "classifier/zoo/catalogue": "classifier/zoo/test_loading.py",
    "classifier/zoo/source": "classifier/zoo/test_loading.py",
    "classifier/zoo/weights": "classifier/zoo/test_loading.py",
    "classifier/zoo/from_onnx": "classifier/zoo/test_places.py",
    "classifier/zoo/from_python": "classifier/zoo/test_places.py",
    "classifier/zoo/from_server": "classifier/zoo/test_places.py",
    "classifier/zoo/from_torchscript": "classifier/zoo/test_places.py",
    # what needs torchvision, timm or transformers is tested in the environment that has them
    "classifier/zoo/from_timm": "../tests_zoo/test_zoo_adapters.py",
    "classifier/zoo/from_torchvision": "../tests_zoo/test_zoo_adapters.py",
    "classifier/zoo/from_transformers": "../tests_zoo/test_zoo_adapters.py",
    "cli/train_mae": "../tests_zoo/test_mae_training.py",
    "removal/generative/autoencoder": "../tests_zoo/test_masked_autoencoder.py",
    "removal/generative/design": "../tests_zoo/test_mae_training.py",
    "removal/generative/judging": "../tests_zoo/test_mae_training.py",
    "removal/generative/mae_zip": "../tests_zoo/test_mae_zip.py",
    "removal/generative/training": "../tests_zoo/test_mae_training.py",
}
"""Modules that have no test file of their own, and the one that tests them."""

OF_THE_WHOLE = {
    "docs/test_manual.py": "the README, the gallery, and the links of the site",
    "docs/test_declared_options.py": "the page of the API that shows what options declare",
    "docs/test_cluster_files.py": "the page on clusters: its examples for SLURM and Kubernetes",
    "docs/test_examples.py": "every docstring: its examples, run",
    "docs/test_own_model.py": "the page that tells how to explain your own model, every script run",
    "docs/test_extending.py": "the page that tells how to extend it, every example run",
    "classifier/zoo/test_places.py": "every source that is a place: a file of the user's, of another engine, an address",
    "cli/test_hostile.py": "every command: files and words that are meant to do harm",
    "evaluation/judging/test_given_classifier.py": "a classifier instead of a model's name, in one process and in several",
    "cli/test_spaces.py": "unseen explain on signals and volumes",
    "explainers/test_spaces.py": "every method: signals and volumes",
    "metrics/test_spaces.py": "every metric: signals and volumes",
    "pipeline/test_planted_parts.py": "parts of models of which it is known which pixels decide",
    "pipeline/test_planted_spaces.py": "networks that learnt what was planted in signals, spectra and volumes",
    "pipeline/test_real_spaces.py": "recordings that lie in wheels, with something planted in them",
    "pipeline/test_spaces.py": "from files of signals and volumes to pictures and files",
    "removal/test_spaces.py": "every removal: signals and volumes",
    "removal/deactivation/test_spaces.py": "ad: signals and volumes",
    "explainers/cam/test_geometry.py": "every map of the family, against occlusion",
    "explainers/test_known_truth.py": "every method: models of which it is known which pixels decide",
    "explainers/test_memory.py": "every method: no tensor outlives its result",
    "explainers/test_output_forms.py": "every method: the form of a model's outputs changes no map",
    "explainers/test_precision.py": "every method: in which precision it computes",
    "explainers/test_totals.py": "every method: what it announces to progress",
    "explainers/test_untouched.py": "every method: what belongs to the user is left as found",
    "metrics/test_output_forms.py": "every metric: the form of a model's outputs changes no score",
    "metrics/test_unmoved_scores.py": "every metric: a model that says the same of everything",
    "metrics/test_untouched.py": "every metric that asks the method again: what belongs to the user is left as found",
    "pipeline/test_other_outputs.py": "every command: outputs that are no classes among several",
    "pipeline/test_channels.py": "every kind of method and removal: inputs of other channels than three",
    "test_house.py": "the plan of the packages",
    "test_mirror.py": "this",
    "test_devices.py": "every method, removal and metric on another device",
    "test_remedies.py": "every refusal: what it offers works",
}
"""Tests of no module, and of what they are."""


def modules() -> set[str]:
    """Every module of the source, and every package; entries are data, which the catalogues' tests read."""
    found = {path.relative_to(SOURCE).with_suffix("") for path in SOURCE.rglob("*.py")}
    return {path.as_posix() for path in found if not {path.name, path.parent.name} & {"__main__", "entries"}}


def checked() -> set[str]:
    """Every test file; those of the project are of no module: they look at packaging, documents and workflows."""
    found = {path.relative_to(TESTS) for path in TESTS.rglob("test_*.py")}
    return {path.as_posix() for path in found if path.parts[0] != "project"}


def module_of(test: str) -> str:
    return (Path(test).parent / Path(test).stem.removeprefix("test_")).as_posix()


def test_every_module_has_its_test() -> None:
    own = {module_of(test) for test in checked()}
    lacking = {name for name in modules() - own if Path(name).name != "__init__"} - set(TESTED_BY)
    assert not lacking, f"add tests/…/test_NAME.py, or say in TESTED_BY which test is theirs: {sorted(lacking)}"
    assert set(TESTED_BY) <= modules() - own, "TESTED_BY names what has a test file of its own, or is no module"
    assert all((TESTS / test).is_file() for test in TESTED_BY.values())


def test_every_test_is_of_a_module() -> None:
    strays = {test for test in checked() if module_of(test) not in modules()} - set(OF_THE_WHOLE)
    assert not strays, f"name them like what they test, or say in OF_THE_WHOLE what that is: {sorted(strays)}"
