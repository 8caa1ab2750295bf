"""The figure of the permutation test says what was found and in whom."""

import pandas as pd

from habitat_radiomics.figures_permutation import draw_permutation, panel_text
from habitat_radiomics.resampling import permutation_test


def test_every_cohort_has_a_panel_with_its_p_value():
    aucs = {"external": [0.8, 0.5, 0.6, 0.9], "train_cv": [0.7, 0.4, 0.5, 0.3]}
    rows = [
        {"permutation": k, "cohort": cohort, "auc": auc, "n": 18, "events": 8, "reason": ""}
        for cohort, values in aucs.items()
        for k, auc in enumerate(values)
    ]
    areas = pd.DataFrame(rows)
    test = permutation_test(areas)
    figure = draw_permutation(areas, test, label="Combined")
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "External validation, n = 18, 8 events",
        "Training, cross-validated, n = 18, 8 events",
    ]
    assert figure.axes[-1].get_xlabel() == "AUC (bars: permuted; solid: study; dashed: chance)"
    of_time = draw_permutation(areas.rename(columns={"auc": "c_index"}), test, label="Combined")
    assert of_time.axes[-1].get_xlabel() == "C-index (bars: permuted; solid: study; dashed: chance)"
    texts = [panel_text(row) for row in test.itertuples()]
    assert texts == ["Study 0.80\n3 permutations\np = 0.500", "Study 0.70\n3 permutations\np = 0.250"]
    tiny = pd.DataFrame({"observed": [0.8], "permutations": [5000], "p": [0.0002]})
    assert panel_text(next(tiny.itertuples())).endswith("5,000 permutations\np < 0.001")
