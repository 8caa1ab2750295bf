import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from habitat_radiomics.combat import Combat, metadata_column
from habitat_radiomics.cox_univariable import univariable_cox
from habitat_radiomics.selection_survival import SURVIVAL_STEPS, CoxCorrelationFilter, CoxFilter
from habitat_radiomics.signature import penalty_path, selection_funnel, signature_coefficients
from habitat_radiomics.survival_outcome import survival_outcome


def cohort(*, n=120, seed=0):
    """Feature f0 shortens the time, f1 repeats it with noise, the others are noise."""
    generator = np.random.default_rng(seed)
    X = pd.DataFrame(generator.normal(size=(n, 20)), columns=[f"T1|tumour|f{i}" for i in range(20)])
    X.index = [f"P{i:03d}" for i in range(n)]
    X["T1|tumour|f1"] = X["T1|tumour|f0"] + 0.2 * X["T1|tumour|f1"]
    time = generator.exponential(np.exp(-1.2 * X["T1|tumour|f0"]))
    return X, survival_outcome(time, generator.random(n) < 0.7)


def test_features_with_a_small_likelihood_ratio_p_pass():
    X, y = cohort()
    step = CoxFilter(alpha=0.01).fit(X, y)
    expected = univariable_cox(X, y)
    assert step.get_feature_names_out().tolist() == expected.loc[expected["p_lr"] < 0.01, "feature"].tolist()
    assert not step.fell_back_
    fewer = CoxFilter(alpha=0.01, correction="fdr").fit(X, y)
    assert fewer.support_.sum() <= step.support_.sum()
    assert fewer.support_[0]


def test_when_nothing_passes_the_strongest_feature_is_kept():
    X, y = cohort()
    step = CoxFilter(alpha=1e-30).fit(X, y)
    assert step.fell_back_
    assert step.get_feature_names_out().tolist() == [univariable_cox(X, y).set_index("feature")["lr_chi2"].idxmax()]


def test_of_correlated_features_the_one_with_the_largest_chi_square_is_kept():
    X, y = cohort()
    strength = univariable_cox(X, y).set_index("feature")["lr_chi2"]
    kept = CoxCorrelationFilter(threshold=0.85).fit(X, y).get_feature_names_out().tolist()
    pair = ["T1|tumour|f0", "T1|tumour|f1"]
    assert [name for name in kept if name in pair] == [strength[pair].idxmax()]
    assert len(kept) == 19
    assert CoxCorrelationFilter(threshold=1).fit(X, y).support_.all()


def test_constant_features_never_pass():
    X, y = cohort()
    X = X.assign(**{"T1|tumour|same": 1.0})
    assert not CoxFilter(alpha=1).fit(X, y).support_[-1]
    assert not CoxCorrelationFilter().fit(X, y).support_[-1]


def test_without_events_a_filter_stops():
    X, y = cohort()
    with pytest.raises(ValueError, match="all are censored"):
        CoxFilter().fit(X, survival_outcome(y["time"], np.zeros(len(y))))


def test_a_whole_signature_from_harmonisation_to_the_score_is_one_pipeline():
    X, y = cohort()
    table = X.assign(**{metadata_column("site"): np.where(np.arange(120) % 3 == 0, "A", "B")})
    pipeline = Pipeline(
        [
            ("combat", Combat()),
            ("zscore", StandardScaler()),
            ("univariable_cox", SURVIVAL_STEPS["univariable_cox"](alpha=0.3)),
            ("correlation", SURVIVAL_STEPS["correlation"](threshold=0.85)),
            ("cox_lasso", SURVIVAL_STEPS["cox_lasso"](folds=5, seed=1)),
        ]
    ).set_output(transform="pandas")
    fitted = clone(pipeline).fit(table[:80], y[:80])
    score = fitted.decision_function(table[80:])
    early = y["time"][80:] < np.median(y["time"])
    assert score[early].mean() > score[~early].mean() + 0.5
    coefficients = signature_coefficients(fitted)
    assert coefficients["feature"][0] == "(intercept)"
    assert set(coefficients["feature"][1:]) <= set(X.columns)
    assert selection_funnel(fitted)["features"].iloc[-1] == len(coefficients) - 1
    path = penalty_path(fitted)
    assert path["chosen"].sum() == 1
    outcome = pd.DataFrame({"time": y["time"], "event": y["event"]}, index=table.index)
    same = clone(pipeline).fit(table[:80], outcome[:80])
    np.testing.assert_array_equal(same.decision_function(table), fitted.decision_function(table))
