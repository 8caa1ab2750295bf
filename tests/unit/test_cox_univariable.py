import numpy as np
import pandas as pd
import pytest

from habitat_radiomics.cox import maximise, risk_sets, score_test
from habitat_radiomics.cox_univariable import CONSTANT, NO_EVENT, SEPARATED, univariable_cox
from habitat_radiomics.survival_outcome import survival_outcome
from oracles.oracle import Oracle


def simulated(*, n=60, p=12, seed=0):
    generator = np.random.default_rng(seed)
    X = pd.DataFrame(generator.normal(size=(n, p)) * 10.0 ** generator.integers(-4, 5, p))
    X.columns = [f"f{i}" for i in range(p)]
    time = generator.exponential(np.exp(-X["f0"] / X["f0"].std())).round(1)
    return X, survival_outcome(time, generator.random(n) < 0.7)


def test_every_feature_gets_the_model_of_coxph():
    oracle = Oracle("cox_km_lung")
    data = oracle.table().assign(sex=lambda d: (d["sex"] == "female").astype(float))
    names = ["age", "sex", "ph_ecog", "wt_loss"]
    table = univariable_cox(data[names], data[["time", "event"]]).set_index("feature")
    for name in names:
        row = table.loc[name]
        oracle.check(
            f"cox_univariable.{name}",
            beta=row["coefficient"],
            se=row["standard_error"],
            p=row["p_wald"],
            LR=row["lr_chi2"],
            LR_p=row["p_lr"],
            score=row["score_chi2"],
            score_p=row["p_score"],
            n=row["patients"],
            nevent=row["events"],
        )


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_it_agrees_with_the_general_fit_also_where_values_are_missing(ties):
    X, y = simulated()
    X.iloc[::7, 3] = np.nan
    table = univariable_cox(X, y, ties=ties).set_index("feature")
    for name, column in X.items():
        known = column.notna().to_numpy()
        sets = risk_sets(y[known], ties=ties)
        design = column.to_numpy()[known, None]
        fit, null = maximise(design, sets), maximise(design, sets, free=np.array([False]))
        expected = [fit.beta[0], fit.covariance[0, 0] ** 0.5, 2 * (fit.log_likelihood - null.log_likelihood)]
        ours = table.loc[name, ["coefficient", "standard_error", "lr_chi2"]].to_numpy(dtype=float)
        np.testing.assert_allclose(ours, expected, rtol=1e-7, atol=1e-10)
        np.testing.assert_allclose(table.loc[name, "score_chi2"], score_test(design, sets)[0], rtol=1e-8)


def test_a_feature_that_separates_the_events_is_tested_but_has_no_coefficient():
    X, y = simulated()
    X["marker"] = y["event"] * 1.0
    row = univariable_cox(X, y).set_index("feature").loc["marker"]
    assert row["note"] == SEPARATED
    assert np.isnan([row["coefficient"], row["standard_error"], row["p_wald"]]).all()
    assert row["p_lr"] < 1e-6


def test_features_without_variation_or_events_have_a_reason_instead_of_numbers():
    X, y = simulated()
    X["constant"], X["missing"] = 0.1, np.nan
    X["censored only"] = X["f1"].where(~y["event"])
    X["infinite"] = X["f1"].where(X["f1"] < X["f1"].max(), np.inf)
    table = univariable_cox(X, y).set_index("feature")
    assert table.loc[["constant", "missing", "censored only"], "note"].tolist() == [CONSTANT, NO_EVENT, NO_EVENT]
    assert table.loc[["constant", "missing", "censored only"], ["lr_chi2", "p_lr", "p_wald"]].isna().all(axis=None)
    assert table.loc["infinite", "patients"] == 59
    assert np.isfinite(table.loc["infinite", "p_lr"])


def test_one_event_is_enough_and_none_is_refused():
    X, y = simulated()
    one = survival_outcome(y["time"], np.arange(len(y)) == np.argsort(y["time"])[20])
    assert np.isfinite(univariable_cox(X, one)["p_lr"]).all()
    with pytest.raises(ValueError, match="all are censored"):
        univariable_cox(X, survival_outcome(y["time"], np.zeros(len(y))))
    with pytest.raises(ValueError, match="ties is 'exact'"):
        univariable_cox(X, y, ties="exact")
