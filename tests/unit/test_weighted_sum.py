"""What is predicted of a patient does not depend on who is predicted together, to the last bit."""

import numpy as np
import pandas as pd
import pytest

from habitat_radiomics.combat import Combat, metadata_column
from habitat_radiomics.model import build_model, fit_model, model_prediction, predict_alone
from habitat_radiomics.signature import build_signature, fit_signature, selected_features, signature_score
from habitat_radiomics.weighted_sum import weighted_sum

PATIENTS = [f"P{number:02d}" for number in range(61)]


def test_a_weighted_sum_is_that_of_a_matrix_product():
    random = np.random.default_rng(1)
    X, vector, matrix = random.normal(size=(7, 5)), random.normal(size=5), random.normal(size=(5, 3))
    np.testing.assert_allclose(weighted_sum(X, vector), X @ vector, rtol=1e-12)
    np.testing.assert_allclose(weighted_sum(X, matrix), X @ matrix, rtol=1e-12)


def test_a_weighted_sum_of_no_column_is_zero_and_of_unequal_lengths_is_refused():
    assert weighted_sum(np.empty((2, 0)), np.empty(0)).tolist() == [0.0, 0.0]
    assert weighted_sum(np.empty((2, 0)), np.empty((0, 3))).shape == (2, 3)
    with pytest.raises(ValueError, match="shorter"):
        weighted_sum(np.ones((2, 2)), np.ones(1))


def one_by_one(predict, table):
    return pd.concat([predict(table.loc[[patient]]) for patient in table.index])


def test_predicted_alone_patients_get_the_same_bits_from_any_estimator():
    random = np.random.default_rng(9)
    table = pd.DataFrame(random.normal(size=(61, 4)), index=PATIENTS, columns=list("abcd"))
    outcome = pd.Series((table["a"] + random.normal(size=61) > 0).astype(int))
    variables = dict.fromkeys(table, {"type": "number"})
    for estimator in ("mlp", "lda", "knn"):
        fitted = fit_model(build_model(signatures=[], variables=variables, estimator=estimator), table, outcome)
        alone = predict_alone(fitted, table)
        np.testing.assert_allclose(alone, model_prediction(fitted, table), rtol=1e-9)
        some = predict_alone(fitted, table.iloc[[40, 3, 17]])
        assert (alone.loc[some.index] == some).all(axis=None)


@pytest.mark.parametrize("estimator", ["logistic", "svm", "cox"])
def test_models_predict_patients_one_by_one_as_all_together_to_the_last_bit(estimator):
    random = np.random.default_rng(3)
    table = pd.DataFrame(random.normal(size=(61, 9)) * 7, index=PATIENTS, columns=[f"s{k}" for k in range(9)])
    table["sex"] = random.choice(["F", "M"], 61)
    table.iloc[4, 2] = np.nan
    happened = pd.Series((table["s0"] + 9 * random.normal(size=61) > 0).astype(int))
    outcome = happened
    if estimator == "cox":
        outcome = pd.DataFrame({"time": random.exponential(20, 61) + 0.1, "event": happened})
    variables = {
        **dict.fromkeys(table.columns[:9], {"type": "number"}),
        "sex": {"type": "category", "levels": ["F", "M"]},
    }
    built = build_model(
        signatures=[], variables=variables, estimator=estimator, horizons=(12,), times=tuple(np.arange(1.0, 40.0))
    )
    fitted = fit_model(built, table, outcome)
    together = model_prediction(fitted, table)
    alone = one_by_one(lambda rows: model_prediction(fitted, rows), table)
    assert (together.to_numpy() == alone.to_numpy()).all()
    shuffled = model_prediction(fitted, table.iloc[::-1]).loc[PATIENTS]
    assert (together.to_numpy() == shuffled.to_numpy()).all()


def test_signatures_score_patients_of_known_centres_one_by_one_as_all_together():
    random = np.random.default_rng(5)
    names = [f"T1|tumour|f{k}" for k in range(40)]
    table = pd.DataFrame(random.normal(size=(61, 40)) * np.arange(1, 41), index=PATIENTS, columns=names)
    outcome = pd.Series((table.iloc[:, 0] + table.iloc[:, 9] / 9 > 0).astype(int))
    table[metadata_column("site")] = random.choice(["A", "B"], 61)
    table[metadata_column("age")] = random.normal(60, 9, 61)
    steps = [{"complete": {}}, {"zscore": {}}, {"lasso": {"folds": 5}}]
    fitted = fit_signature(build_signature(steps, seed=1, harmonise={"covariates": ("age",)}), table, outcome)
    assert isinstance(fitted[0], Combat)
    together = signature_score(fitted, table)
    assert together.nunique() > 50
    assert (together == one_by_one(lambda rows: signature_score(fitted, rows), table)).all()
    features = selected_features(fitted, table)
    assert (features == one_by_one(lambda rows: selected_features(fitted, rows), table)).all(axis=None)
