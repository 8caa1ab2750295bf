"""The section on nested habitats says of whom the machine learnt, and shows every table that was stored."""

from types import SimpleNamespace

import pandas as pd

from habitat_radiomics.nested_cohort import planted_summary
from habitat_radiomics.report_nested import (
    applied_blocks,
    machine_sentence,
    machine_table,
    planted_table,
    scale_table,
    share_table,
)

MODEL = {
    "name": "all", "patients": 40, "events": 18, "features": ["T1|tumour|original_firstorder_Mean"],
    "auc_held_out": 0.8, "transferable": 12, "candidates": 33,
}  # fmt: skip
ARTIFACT = {
    "models": [MODEL, {**MODEL, "name": "without fold 1", "patients": 32}], "k": 3, "horizon": None,
    "censored": "weight", "names": ["low probability", "medium probability", "most active microregion"],
    "min_fraction": 0.05,
}  # fmt: skip
SCALES = pd.DataFrame(
    {
        "feature": MODEL["features"], "tumour_mean": [10.0], "tumour_sd": [2.0], "voxel_mean": [11.0],
        "voxel_sd": [8.0], "shift": [0.5], "ratio": [4.0], "transfer": [0.97],
    }
)  # fmt: skip
SHARES = pd.DataFrame({"patient": list("ab"), "habitat1": [0.5, 0.0], "habitat2": [0.2, 0.0], "habitat3": [0.3, 1.0]})
PLANTED = pd.DataFrame(
    {
        "patient": list("abcd"), "cohort": ["external", "train", "train", "train"], "dice": [0.4, 0.5, 0.7, 0.9],
        "dice_whole_tumour": [0.2, 0.3, 0.3, 0.3],
    }
)  # fmt: skip


def results(tmp_path, planted=True):
    tables = {"artifact": ARTIFACT, "scales": SCALES, "shares": SHARES}
    files = {}
    if planted:
        tables["planted"] = planted_summary(PLANTED)
    for name, table in tables.items():
        files[name] = str(tmp_path / f"{name}.csv")
        pd.DataFrame(table if name != "artifact" else {}).to_csv(files[name], index=False)
    return SimpleNamespace(nested={"core": tables}, files={"nested": {"core": files}})


def words(table):
    """Main text of every cell."""
    return [[cell[0] for cell in row] for row in table["rows"]]


def test_the_sentence_says_of_whom_the_machine_learnt():
    sentence = machine_sentence(ARTIFACT, unit="months")
    assert "of 1 features of whole tumours, selected among the 12 (of 33)" in sentence
    assert "40 training patients, 18 with the event. It was applied" in sentence
    at = machine_sentence({**ARTIFACT, "horizon": 36}, unit="months")
    assert "18 with the event by 36 months. Patients censored before it are left out, the others weighted" in at


def test_every_machine_has_its_row(tmp_path):
    found = machine_table(results(tmp_path), "core")
    assert [row[0] for row in words(found)] == ["all", "without fold 1"]


def test_both_scales_and_their_disagreement_are_shown(tmp_path):
    (row,) = words(scale_table(results(tmp_path), "core"))
    assert row[1:] == ["10.0", "2.00", "11.0", "8.00", "0.500", "4.00", "0.970"]


def test_patients_whose_whole_tumour_is_the_microregion_are_counted(tmp_path):
    found = share_table(results(tmp_path), "core")
    assert "in 1 the whole tumour is the microregion" in found["note"]
    assert [row[2] for row in words(found)] == ["1", "1", "2"]


def test_dice_is_given_by_cohort_training_first_where_there_is_a_truth(tmp_path):
    rows = words(planted_table(results(tmp_path), "core"))
    assert rows[0] == ["Training (maps out of fold)", "3", "0.70 (0.60 to 0.80)", "0.30"]
    assert rows[1][0] == "External validation"
    assert planted_table(results(tmp_path, planted=False), "core") is None


def test_patients_of_another_centre_are_told_which_machine_mapped_them(tmp_path):
    found = results(tmp_path, planted=False)
    found.files["figures"] = {"nested": {"core": {"maps": {}, "pages": [], "montage": []}}}
    found.config = {"nested": {"core": {"label": ""}}, "outcome": {"unit": "months"}}
    heading, words, shares, *_ = applied_blocks(found, "core", lambda name: name)
    assert "fitted to 40 training patients" in words["text"] and "without that patient; all others by" in words["text"]
    assert "out of fold" not in words["text"] and shares["kind"] == "table"
