"""What is stored of a bootstrap, and when a slope has no correction."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from habitat_radiomics.bootstrap_tables import NOT_FITTED_HERE, bootstrap_tables, fixed_features_bootstrap
from habitat_radiomics.model import build_model
from habitat_radiomics.resampling import chunk_of, chunk_ranges
from habitat_radiomics.settings import chunks


@pytest.fixture(scope="module")
def made():
    """Predictions of 30 patients by 12 resamples whose model is the same each time."""
    random = np.random.default_rng(3)
    outcome = pd.Series([0, 1] * 15, index=[f"P{i:02d}" for i in range(30)], name="outcome")
    score = random.normal(0, 1, 30) + outcome.to_numpy()
    parts = []
    for number in range(13):
        drawn = np.ones(30, dtype=int) if number == 0 else np.bincount(random.integers(0, 30, 30), minlength=30)
        table = pd.DataFrame({"replicate": number, "patient": outcome.index, "drawn": drawn, "score": score})
        parts.append(table.assign(probability=1 / (1 + np.exp(-score)), reason=np.nan))
    selected = pd.DataFrame(
        {"replicate": [0, 1, 2], "signature": "s", "feature": ["f", "f", "g"], "coefficient": [1.0, 2.0, -1.0]}
    )
    return pd.concat(parts, ignore_index=True), selected, outcome


def test_three_answers_stand_side_by_side(made):
    statistics, curve, frequency = bootstrap_tables(*made, level=0.95, cross_fitted=False)
    row = statistics.set_index("statistic").loc["auc"]
    assert {"apparent", "corrected", "out_of_bag", "corrected_632"} <= set(row.index)
    assert row["apparent"] - row["optimism"] == pytest.approx(row["corrected"])
    assert len(curve) == 50
    assert frequency.set_index("feature")["selected"].to_dict() == {"f": 1, "g": 1}


def test_slopes_have_no_correction_where_the_model_was_fitted_on_other_scores(made):
    plain, _, _ = bootstrap_tables(*made, level=0.95, cross_fitted=False)
    cross_fitted, _, _ = bootstrap_tables(*made, level=0.95, cross_fitted=True)
    assert plain.set_index("statistic").loc["slope", "corrected"] > 0
    slope = cross_fitted.set_index("statistic").loc["slope"]
    assert np.isnan(slope["corrected"])
    assert slope["note"] == NOT_FITTED_HERE
    pd.testing.assert_series_equal(
        cross_fitted.set_index("statistic").loc["auc"], plain.set_index("statistic").loc["auc"]
    )


def test_the_names_of_chunks_cover_all_replicates():
    for count, number in ((12, 3), (2, 8), (200, 4)):
        names = chunks({"replicates": count, "chunks": number})
        assert [chunk_of(name, count) for name in names] == chunk_ranges(count, number)
        assert sum(len(chunk_of(name, count)) for name in names) == count + 1


def test_with_fixed_features_a_score_keeps_its_auc():
    """The AUC of one fixed score does not depend on the fit, so that nothing but noise of resampling is taken off."""
    random = np.random.default_rng(8)
    outcome = pd.Series([0, 1] * 40, index=[f"P{i:02d}" for i in range(80)])
    predictors = pd.DataFrame({"s": random.normal(0, 1, 80) + outcome.to_numpy()}, index=outcome.index)
    pipeline = build_model(signatures=["s"], variables={}, estimator="logistic")
    table = fixed_features_bootstrap(pipeline, predictors, outcome, count=60, seed=1).set_index("statistic")
    assert table.loc["auc", "apparent"] == pytest.approx(roc_auc_score(outcome, predictors["s"]), abs=1e-12)
    assert abs(table.loc["auc", "optimism"]) < 0.02
    assert table.loc["slope", "apparent"] == pytest.approx(1, abs=1e-6)
    assert 0.8 < table.loc["slope", "corrected"] < 1.02
    assert table.loc["auc", "resamples"] == 60
