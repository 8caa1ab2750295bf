"""What the page says of harmonisation."""

import json
from types import SimpleNamespace

import pandas as pd

from habitat_radiomics.labels import percent
from habitat_radiomics.report_harmonise import harmonise_section
from habitat_radiomics.report_statistics import permutation_picture

BATCHES = pd.DataFrame(
    {
        "batch": ["A", "C", None],
        "patients": [30, 4, None],
        "in_training": [True, False, None],
        "action": ["fitted", "left", "note"],
        "note": [None, "not in the training and fewer than 10 patients: left as it is", "batch B has one patient"],
    }
)
SUMMARY = pd.DataFrame({"when": ["before", "after"], "features": [93, 93], "p_below": [60, 4], "q_below": [51, 0]})


def results(tmp_path):
    drawing, stored = tmp_path / "a.svg", tmp_path / "b.csv"
    drawing.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="72pt"></svg>')
    BATCHES.to_csv(stored, index=False)
    files = {
        "harmonised_batches": {"tumour": stored},
        "figures": {"harmonise": {"tumour": drawing}, "permutation": drawing},
    }
    statistics = {
        "harmonised_batches": {"tumour": BATCHES},
        "harmonised_summary": {"tumour": SUMMARY.assign(median_explained=[0.31, 0.02])},
        "permutation": pd.DataFrame({"cohort": ["external"], "p": [0.02]}),
    }
    return SimpleNamespace(
        files=files, statistics=statistics, label=lambda kind, name: name.title(), measure_label="C-index"
    )


def test_the_page_says_what_was_done_to_every_batch_and_what_remains(tmp_path):
    shown = harmonise_section(results(tmp_path), lambda name: "How to read it")
    page = json.dumps(shown, ensure_ascii=False, default=str)
    for words in ("effect fitted on its training patients", "fewer than 10 patients", "batch B has one patient"):
        assert words in page
    assert percent(0.31) in page
    assert "How to read it" in page


def test_a_study_without_harmonisation_has_no_such_section(tmp_path):
    found = results(tmp_path)
    found.statistics["harmonised_batches"] = None
    assert harmonise_section(found, str) is None


def test_the_permutation_test_of_a_survival_model_speaks_of_c(tmp_path):
    assert "C-index under permuted outcomes" in str(permutation_picture(results(tmp_path), lambda name: ""))
