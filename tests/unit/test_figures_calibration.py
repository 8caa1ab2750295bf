import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from test_figures import MODELS, words

from example_results import example_patients, example_predictions
from habitat_radiomics.calibration import calibration_curve, calibration_summary
from habitat_radiomics.figures_calibration import calibration_table, calibration_text, distribution, draw_calibration
from habitat_radiomics.labels import percent
from habitat_radiomics.style import MODEL_COLOURS, figure_bytes, save_figure

OPTIMISM = pd.DataFrame({"statistic": ["auc", "brier", "intercept", "slope"], "corrected": [0.7, 0.2, -0.04, 0.81]})


@pytest.fixture(scope="module")
def predictions():
    random = np.random.default_rng(5)
    patients = example_patients(random, {"train": 60, "external": 40})
    return {
        model["name"]: example_predictions(random, patients, strength)
        for model, strength in zip(MODELS, (0.3, 1.5), strict=True)
    }


def summary(predictions, cohort):
    parts = []
    for model, table in predictions.items():
        rows = table[table.cohort == cohort]
        parts.append(calibration_summary(rows.outcome, rows.probability).assign(model=model, cohort=cohort))
    return pd.concat(parts)


def draw(predictions, cohort="external", *, models=MODELS, corrected=None, **options):
    curves = calibration_table(predictions, cohort, resamples=10, seed=1, level=0.95, corrected=corrected)
    table = summary(predictions, "external")
    return draw_calibration(curves, predictions, table, cohort=cohort, models=models, level=0.95, **options)


def corrected_curve():
    return pd.DataFrame({"at": [0.3, 0.4, 0.5], "corrected": [0.32, 0.41, 0.47]})


def test_curves_are_those_of_the_library_over_the_range_of_the_predictions(predictions):
    table = calibration_table(predictions, "external", resamples=10, seed=1, level=0.95)
    rows, chosen = table[table.model == "combined"], predictions["combined"].query("cohort == 'external'")
    np.testing.assert_array_equal(rows.apparent, calibration_curve(chosen.outcome, chosen.probability, rows["at"]))
    assert (rows["at"].min() >= chosen.probability.min(), rows["at"].max() <= chosen.probability.max()) == (True, True)
    assert rows.corrected.isna().all()


def test_corrected_curves_are_taken_at_their_own_places(predictions):
    curve = corrected_curve()
    table = calibration_table(predictions, "train", resamples=5, seed=1, level=0.95, corrected={"clinical": curve})
    rows = table[table.model == "clinical"]
    assert rows["at"].tolist() == curve["at"].tolist()
    assert rows.corrected.tolist() == curve.corrected.tolist()


def test_the_legend_holds_the_numbers_of_the_summary(predictions):
    lines = calibration_text(summary(predictions, "external"), "combined", "external")
    table = summary(predictions, "external").query("model == 'combined'").set_index("metric")
    values = {name: f"{row.estimate:.2f}".replace("-", "\N{MINUS SIGN}") for name, row in table.iterrows()}
    assert lines[0].startswith(f"intercept {values['intercept']} (")
    assert f", slope {values['slope']} (" in lines[0]
    assert lines[1].startswith(f"ICI {table.estimate['ici']:.3f}, Brier {values['brier']} (")
    text = words(draw(predictions))
    assert "External validation\nn = 40, 20 events" in text
    assert all(line in text for line in lines)
    assert f"{percent(0.95)} bootstrap of the apparent curve" in text


def test_corrected_curve_and_statistics_are_named_as_such(predictions):
    corrected, optimism = {"combined": corrected_curve()}, {"combined": OPTIMISM}
    text = words(draw(predictions, corrected=corrected, optimism=optimism))
    assert "Solid: corrected for optimism; dashed: apparent" in text
    assert "corrected: intercept \N{MINUS SIGN}0.04, slope 0.81, Brier 0.20" in text
    assert "corrected" not in words(draw(predictions))


def test_a_measure_that_is_missing_is_not_a_number(predictions):
    table = calibration_summary(np.zeros(12), np.linspace(0.1, 0.6, 12)).assign(model="m", cohort="c")
    optimism = pd.DataFrame({"statistic": ["intercept", "slope", "brier"], "corrected": [np.nan, np.nan, 0.21]})
    text = calibration_text(table, "m", "c", optimism)[-1]
    assert text == "corrected: Brier 0.21; intercept and slope not estimable"
    assert calibration_text(table, "m", "c")[0] == "intercept not estimable, slope not estimable"
    assert calibration_text(table, "other", "c")[1] == "ICI not estimable, Brier not estimable"


def test_bars_count_every_patient_once_by_outcome():
    table = pd.DataFrame({"cohort": "c", "outcome": [1, 0, 0, 0], "probability": [0.51, 0.51, 0.0, 1.0]})
    centres, events, others = distribution({"m": table}, "c", "m")
    assert centres[[0, 25, -1]].tolist() == pytest.approx([0.01, 0.51, 0.99])
    assert (events[25], others[[0, 25, -1]].tolist()) == (1, [1, 1, 1])
    assert (events.sum(), others.sum()) == (1, 3)


def test_colours_are_those_of_the_study_and_many_models_lose_their_bands(predictions):
    figure = draw({"combined": predictions["combined"]})
    assert figure.axes[0].lines[-1].get_color() == MODEL_COLOURS[1]  # second model of the study, also when alone
    assert [to_rgba(band.get_facecolor()[0])[:3] for band in figure.axes[0].collections] == [
        to_rgba(MODEL_COLOURS[1])[:3]
    ]
    models = [*MODELS, {"name": "c", "label": "C"}, {"name": "d", "label": "D"}]
    many = draw({**predictions, "c": predictions["clinical"], "d": predictions["combined"]}, models=models)
    assert len(many.axes[0].collections) == 0
    assert "bootstrap" not in words(many)
    assert len(many.axes) == 5


@pytest.mark.parametrize("cohort", ["internal", "external"])
def test_without_a_curve_the_figure_says_so(predictions, cohort):
    few = {name: table.groupby("cohort").head(8) for name, table in predictions.items()}
    text = words(draw(few, cohort))
    assert "No curve: no model, too few patients,\nor predictions that are all alike." in text
    assert ("no patients" in text) == (cohort == "internal")


def test_the_legend_stays_below_the_panels(predictions):
    figure = draw(predictions, corrected={"combined": corrected_curve()}, optimism={"combined": OPTIMISM})
    figure.draw_without_rendering()
    lowest = min(axes.xaxis.label.get_window_extent().y0 for axes in figure.axes if axes.get_xlabel())
    box = figure.legends[0].get_window_extent()
    assert (box.y1 < lowest, box.y0 >= 0, box.x1 <= figure.bbox.width) == (True, True, True)


def test_the_figure_is_byte_stable(predictions, tmp_path):
    file = tmp_path / "calibration.svg"
    save_figure(draw(predictions), [file])
    assert file.read_bytes() == figure_bytes(draw(predictions), ".svg")
