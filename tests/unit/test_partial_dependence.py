"""Predicted risk by the value of an input, on patients that the model has not seen."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.inspection import partial_dependence as sklearn_partial_dependence

from habitat_radiomics.figures_partial_dependence import draw_partial_dependence
from habitat_radiomics.model import build_model, fit_model
from habitat_radiomics.partial_dependence import COLUMNS, partial_dependence
from habitat_radiomics.style import figure_bytes

VARIABLES = {
    "signal": {"type": "number"},
    "weak": {"type": "number"},
    "sex": {"type": "category", "levels": ["F", "M"]},
}


def patients(n=80, seed=0):
    random = np.random.default_rng(seed)
    y = pd.Series(np.arange(n) % 2, index=[f"P{i:03d}" for i in range(n)])
    values = {"signal": random.normal(size=n) + 2 * y, "weak": random.normal(size=n) + 0.3 * y}
    return pd.DataFrame({**values, "sex": random.choice(["F", "M"], n)}, index=y.index), y


def fitted(estimator="logistic"):
    table, y = patients()
    return fit_model(build_model(signatures=[], variables=VARIABLES, estimator=estimator, folds=3), table, y)


def others(n=60):
    table, _ = patients(n=n, seed=1)
    return table, pd.Series(np.where(np.arange(n) < 40, "internal", "external"), table.index)


def test_risks_are_those_of_patients_who_all_have_the_value_and_keep_the_rest():
    model, (table, cohorts) = fitted(), others()
    found = partial_dependence(model, table, cohorts, points=5)
    assert list(found) == COLUMNS
    signal = found[(found["predictor"] == "signal") & (found["cohort"] == "external")]
    np.testing.assert_allclose(signal["value"], np.linspace(*np.percentile(table["signal"], [5, 95]), 5))
    coefficients = dict(zip(model["encoder"].names_, model["estimator"].coef_.ravel(), strict=True))
    rest = coefficients["weak"] * table["weak"] + coefficients["sex=M"] * (table["sex"] == "M")
    for row in signal.itertuples():
        risk = expit(model["estimator"].intercept_ + coefficients["signal"] * row.value + rest[cohorts == "external"])
        assert row.risk == pytest.approx(risk.mean(), abs=1e-9)
        assert (row.low, row.high) == pytest.approx(tuple(np.percentile(risk, [25, 75])), abs=1e-9)
        assert row.n == 20
        assert row.share == (table.loc[cohorts == "external", "signal"] <= row.value).mean()


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_means_are_those_of_scikit_learn_for_a_machine_that_is_not_linear():
    model, (table, cohorts) = fitted("random_forest"), others()
    found = partial_dependence(model, table, cohorts.map(lambda name: "internal"), points=6)
    inputs, values = model["encoder"].transform(table), found.loc[found["predictor"] == "signal", "value"]
    theirs = sklearn_partial_dependence(
        model["estimator"], inputs, [0], custom_values={0: values.to_numpy()}, response_method="predict_proba"
    )
    np.testing.assert_allclose(found.loc[found["predictor"] == "signal", "risk"], theirs["average"][0], atol=1e-12)


def test_the_input_that_moves_the_risk_most_comes_first_and_categories_take_their_levels():
    found = partial_dependence(fitted(), *others(), points=5)
    assert found["predictor"].iloc[0] == "signal"
    sex = found[found["predictor"] == "sex"]
    assert sex["level"].tolist() == ["F", "F", "M", "M"] and sex["value"].isna().all()
    assert sex.groupby("cohort")["share"].sum().tolist() == [1, 1]


def test_of_few_different_values_all_are_taken_and_missing_ones_leave_no_trace():
    model, (table, cohorts) = fitted(), others()
    table["weak"] = np.tile([0.0, 1.0, np.nan], 20)
    found = partial_dependence(model, table, cohorts, points=5)
    assert found.loc[found["predictor"] == "weak", "value"].unique().tolist() == [0.0, 1.0]
    assert found.loc[found["predictor"] == "weak", "share"].max() == 1


def test_patients_that_the_model_has_seen_are_refused():
    table, cohorts = others()
    with pytest.raises(ValueError, match="not on training patients"):
        partial_dependence(fitted(), table, cohorts.where(cohorts == "internal", "train"), points=5)


def test_the_figure_has_a_panel_for_every_input_with_its_name_and_the_cohorts():
    found = partial_dependence(fitted(), *others(), points=5)
    labels = {"signal": "Signal (mm)", "weak": "Weak", "sex": "Sex"}
    figure = draw_partial_dependence(found, label="M", labels=labels, outcome_label="progression")
    assert [axes.get_xlabel() for axes in figure.axes] == [
        "Signal (mm)",
        *[labels[n] for n in found["predictor"].unique()[1:]],
    ]
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words[0].startswith("Internal validation, n = 40") and words[1].startswith("External validation, n = 20")
    assert figure_bytes(figure, ".svg").startswith(b"<?xml")
    many = pd.concat([found.assign(predictor=f"s/T1|tumour|f{k}") for k in range(15)])
    figure = draw_partial_dependence(many.query("kind == 'number'"), label="M", labels={}, outcome_label="progression")
    assert sum(bool(axes.get_xlabel()) for axes in figure.axes) == 12
    assert "12 of 15 inputs" in figure.get_supylabel()
