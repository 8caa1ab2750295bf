"""What is stored of a bootstrap, and when a slope has no correction."""

import numpy as np
import pandas as pd
import pytest

from habitat_radiomics.bootstrap_tables import NOT_FITTED_HERE, bootstrap_tables
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
