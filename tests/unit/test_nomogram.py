import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from habitat_radiomics.model import build_model, fit_model, model_prediction
from habitat_radiomics.nomogram import (
    Scale,
    build_nomogram,
    category_term,
    linear_predictor,
    nomogram_document,
    number_term,
    points_of,
    points_table,
    probabilities,
    read_nomogram,
    risk_scale,
    round_ticks,
    survival_scale,
    terms_of_model,
    tick_table,
    tick_text,
    total_of,
    total_points,
)
from oracles.oracle import Oracle, assert_close

BIRTHS, LUNG = Oracle("calibration_nomogram_birthwt"), Oracle("nomogram_cph_lung")
RISKS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # the case's fun.at


def logistic_nomogram():
    """The model of rms::lrm, from its coefficients."""
    table, values = BIRTHS.table(), BIRTHS["lrm_stats"]
    beta = dict(zip(values["coef_names"], values["coef"], strict=True))
    race = {"white": 0.0, "black": beta["race=black"], "other": beta["race=other"]}
    terms = [number_term("lwt", beta["lwt"], values=table.lwt, label="Weight (lb)"), category_term("race", race)]
    terms += [number_term(name, beta[name], values=table[name]) for name in ("smoke", "ht", "ui")]
    lps = logit(BIRTHS["predictions.all189"]["p"])
    scales = [risk_scale("Risk", at=RISKS)]
    return build_nomogram(terms, intercept=beta["Intercept"], scales=scales, lp_range=(lps.min(), lps.max()))


def survival_nomogram():
    """The Cox model of rms::cph, its coefficients solved from R's linear predictors, its baseline from R's survival."""
    table, values = LUNG.table(), LUNG["nomogram_cph"]
    design = np.column_stack([np.ones(len(table)), table.age, table.sex == "male", table.ph_ecog, table.wt_loss])
    beta = np.linalg.lstsq(design.astype(float), values["patient_lp"], rcond=None)[0]
    lps = np.array(values["patient_lp"])
    scales = [
        survival_scale(name, values["patient_surv"][name][0] ** np.exp(-lps[0]), at=values["axes"][name]["prob"])
        for name in ("S180", "S365")
    ]
    terms = [
        number_term("age", beta[1], values=table.age),
        category_term("sex", {"male": beta[2], "female": 0.0}),
        number_term("ph_ecog", beta[3], values=table.ph_ecog),
        number_term("wt_loss", beta[4], values=table.wt_loss),
    ]
    return build_nomogram(terms, intercept=beta[0], scales=scales, lp_range=(lps.min(), lps.max()))


# Against R ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nomogram", "oracle", "case"),
    [(logistic_nomogram(), BIRTHS, "nomogram_lrm"), (survival_nomogram(), LUNG, "nomogram_cph")],
    ids=["logistic", "cox"],
)
def test_points_of_every_tick_and_patient_agree_with_rms(nomogram, oracle, case):
    for term in nomogram.terms:
        expected = oracle[case]["points"][term.name]
        rows = points_table(nomogram).query("predictor == @term.name")
        assert rows.value.tolist() == [tick_text(value) for value in expected["value"]]
        assert_close(rows.points, expected["points"], tolerance=1e-5, label=term.name)
    totals = total_points(nomogram, oracle.table())
    oracle.check(
        case,
        points_per_lp=nomogram.points_per_unit,
        lp_at_0_points=nomogram.lp_at_zero,
        patient_total_points=totals,
    )


def test_total_linear_predictor_and_risk_axes_agree_with_rms():
    ticks, expected = tick_table(logistic_nomogram()), BIRTHS["nomogram_lrm"]
    axes = dict(iter(ticks.groupby("kind")))
    BIRTHS.check("nomogram_lrm", total_points_axis=axes["total"].position)
    for kind, name, key, total in (
        ("linear predictor", "lp_axis", "lp", "total"),
        ("scale", "risk_axis", "p", "total_points"),
    ):
        values = [float(text.replace("\N{MINUS SIGN}", "-")) for text in axes[kind].value]
        assert_close(values, expected[name][key], tolerance=1e-12, label=name)
        assert_close(axes[kind].position, expected[name][total], tolerance=1e-5, label=name)


def test_survival_axes_and_patient_survival_agree_with_rms():
    nomogram, expected = survival_nomogram(), LUNG["nomogram_cph"]
    ticks = tick_table(nomogram)
    for name, axis in expected["axes"].items():
        rows = ticks[ticks.label == name]
        assert rows.value.tolist() == [tick_text(value) for value in axis["prob"]]
        assert_close(rows.position, axis["total_points"], tolerance=1e-5, label=name)
        survival = probabilities(nomogram, total_points(nomogram, LUNG.table()))[name]
        assert_close(survival, expected["patient_surv"][name], tolerance=1e-5, label=name)


def test_patient_risk_agrees_with_rms():
    nomogram = logistic_nomogram()
    BIRTHS.check("nomogram_lrm", patient_risk=probabilities(nomogram, total_points(nomogram, BIRTHS.table()))["Risk"])


# The model itself ---------------------------------------------------------------------------------------------------


def cohort(n=80, seed=0):
    generator = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "score": generator.normal(size=n),
            "age": generator.normal(60, 9, n),
            "stage": generator.choice(["I", "II", "III"], n),
        }
    )
    return table, pd.Series((generator.random(n) < expit(table["score"] - 0.5)).astype(int))


def test_points_reproduce_the_fitted_model_to_rounding():
    table, outcome = cohort()
    variables = {"age": {"type": "number"}, "stage": {"type": "category", "levels": ["I", "II", "III"]}}
    fitted = fit_model(build_model(signatures=["score"], variables=variables, estimator="logistic"), table, outcome)
    coefficients = dict(zip(fitted["encoder"].names_, fitted["estimator"].coef_[0], strict=True))
    terms = terms_of_model(coefficients, variables, table, labels={"score": "Radiomics score"})
    nomogram = build_nomogram(terms, intercept=fitted["estimator"].intercept_[0], scales=[risk_scale("Risk")])
    new = pd.concat([cohort(seed=1)[0], table.assign(age=150.0)])  # far beyond the axis, too
    totals, predicted = total_points(nomogram, new), model_prediction(fitted, new)
    np.testing.assert_allclose(linear_predictor(nomogram, totals), predicted["score"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(probabilities(nomogram, totals)["Risk"], predicted["probability"], rtol=0, atol=1e-12)
    assert [(term.name, term.label, term.kind) for term in nomogram.terms] == [
        ("score", "Radiomics score", "number"),
        ("age", "age", "number"),
        ("stage", "stage", "category"),
    ]


def small_nomogram(**options):
    terms = [number_term("age", 0.1, ticks=[20, 40, 60]), category_term("sex", {"F": 0.0, "M": -1.0}, label="Sex")]
    return build_nomogram(terms, **{"intercept": -4.0, "scales": [risk_scale("Risk")], **options})


def test_points_by_hand():
    nomogram = small_nomogram()
    assert (nomogram.points_per_unit, nomogram.lp_at_zero) == (25, -4 + 2 - 1)
    table = points_of(nomogram, {"age": 50, "sex": "F"})
    assert table.points.tolist() == [75, 25]
    assert table.value.tolist() == [50, "F"]
    assert probabilities(nomogram, 100)["Risk"] == expit(-4 + 5)
    assert total_of(nomogram, linear_predictor(nomogram, 37.0)) == pytest.approx(37)
    by_value = points_table(nomogram).set_index(["label", "value"]).points.to_dict()
    assert by_value == {("age", "20"): 0, ("age", "40"): 50, ("age", "60"): 100, ("Sex", "F"): 25, ("Sex", "M"): 0}


def test_a_value_beyond_its_axis_keeps_exact_points_and_is_flagged():
    table = points_of(small_nomogram(), {"age": 10, "sex": "M"})
    assert table.points.tolist() == [-25, 0]
    assert table.outside.tolist() == [True, False]


def test_the_total_axis_reaches_below_zero_only_where_patients_do():
    positions = {
        low: tick_table(small_nomogram(lp_range=(low, 1.0))).query("kind == 'total'").position for low in (-4.0, -2.9)
    }
    assert positions[-4.0].min() <= total_of(small_nomogram(), -4.0) < 0
    assert positions[-2.9].min() == 0


def test_a_free_function_serves_as_a_scale_and_rising_or_falling_does_not_matter():
    scale = Scale("Odds share", lambda lp: 1 - expit(lp), (0.1, 0.5, 0.9), {})
    ticks = tick_table(small_nomogram(scales=[scale], lp_range=(-3, 3)))
    rows = ticks[ticks.kind == "scale"]
    assert rows.position.tolist() == pytest.approx([25 * (3 + np.log(9)), 75, 25 * (3 - np.log(9))])
    with pytest.raises(ValueError, match="scale 'Odds share' is a free function, which no file can hold: use risk_sca"):
        nomogram_document(small_nomogram(scales=[scale]))


def test_a_document_is_plain_json_and_gives_the_same_nomogram_back():
    for nomogram in (logistic_nomogram(), survival_nomogram()):
        text = json.dumps(nomogram_document(nomogram), allow_nan=False)
        again = read_nomogram(json.loads(text))
        assert json.dumps(nomogram_document(again)) == text
        pd.testing.assert_frame_equal(tick_table(again), tick_table(nomogram), check_exact=True)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (39, 82, [35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85]),  # R: pretty(c(39, 82), 10)
        (-24, 68, [-30, -20, -10, 0, 10, 20, 30, 40, 50, 60, 70]),
        (0.013, 0.021, [0.013, 0.014, 0.015, 0.016, 0.017, 0.018, 0.019, 0.02, 0.021]),
    ],
)
def test_ticks_are_round_and_cover_the_range(low, high, ticks):
    assert round_ticks(low, high).tolist() == ticks


def test_a_number_with_few_values_shows_them_all():
    assert number_term("ecog", 0.3, values=[0, 2, 2, 1, 3]).ticks == (0, 1, 2, 3)
    assert number_term("ecog", 0.3, values=[0, 2, 2, 1, 3]).kind == "discrete"
    assert number_term("age", 0.3, values=np.arange(40)).kind == "number"


# Broken input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: number_term("age", 0.1, values=[50, 50]),
            r"predictor age has ticks \[50.0\] and coefficient 0.1: a nom",
        ),
        (lambda: number_term("age", np.nan, values=[50, 60]), "coefficient nan: a nomogram needs at least two finite"),
        (lambda: number_term("age", 0.1, values=[50, np.nan]), "predictor age has no or missing training values: give"),
        (lambda: number_term("age", 0.1, values=[]), "predictor age has no or missing training values"),
        (
            lambda: category_term("sex", {"F": 0.0}),
            "predictor sex has effects {'F': 0.0}: a nomogram needs at least two",
        ),
        (lambda: category_term("sex", {"F": 0.0, "M": np.nan}), "needs at least two levels, with finite coefficients"),
        (lambda: build_nomogram([], scales=[]), "no predictor changes the linear predictor"),
        (
            lambda: build_nomogram([number_term("age", 0.0, ticks=[1, 2])], scales=[]),
            "no predictor changes the linear predictor: there is no nomogram of a model without effects.",
        ),
        (
            lambda: build_nomogram([number_term("age", 1.0, ticks=[1, 2])] * 2, scales=[]),
            "predictor age occurs more than once. Give each predictor one term.",
        ),
        (lambda: survival_scale("S", 1.0), "baseline survival is 1: it must lie between 0 and 1, both excluded."),
        (
            lambda: points_of(small_nomogram(), {"age": 50}),
            r"the patient has no value of sex: points need every predictor \(F, M\)",
        ),
        (
            lambda: points_of(small_nomogram(), {"age": np.nan, "sex": "F"}),
            r"the patient has no value of age: points need every predictor \(a number\)",
        ),
        (
            lambda: points_of(small_nomogram(), {"age": 50, "sex": "X"}),
            "sex is 'X': the model knows only the levels F, M.",
        ),
    ],
)
def test_what_gives_no_nomogram_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
