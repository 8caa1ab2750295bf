import numpy as np
import pytest
from test_figures import MODELS, has_no_overlap, words

from example_results import example_patients, example_predictions
from habitat_radiomics.decision_curve import TREAT_ALL, TREAT_NONE, decision_curve
from habitat_radiomics.figures_decision import LABELS, decision_table, draw_decision, odds_text, value_range
from habitat_radiomics.labels import percent
from habitat_radiomics.style import MODEL_COLOURS, figure_bytes, save_figure

GRID = np.round(np.arange(5, 60, 5) / 100, 2)


@pytest.fixture(scope="module")
def predictions():
    random = np.random.default_rng(5)
    patients = example_patients(random, {"train": 20, "external": 40})
    return {
        model["name"]: example_predictions(random, patients, strength)
        for model, strength in zip(MODELS, (0.3, 1.5), strict=True)
    }


def table_of(predictions, cohort="external", thresholds=GRID):
    return decision_table(predictions, cohort, thresholds=thresholds, resamples=20, seed=1, level=0.95)


def test_the_table_holds_the_curves_of_the_library(predictions):
    table = table_of(predictions)
    chosen = predictions["combined"].query("cohort == 'external'")
    expected = decision_curve(chosen.outcome, {"combined": chosen.probability}, GRID)
    for model in ("combined", TREAT_ALL, TREAT_NONE):
        ours, theirs = (rows.loc[rows.model == model, "net_benefit"] for rows in (table, expected))
        np.testing.assert_array_equal(ours, theirs)
    assert table.groupby("model").size().to_dict() == dict.fromkeys([*predictions, TREAT_ALL, TREAT_NONE], len(GRID))


def test_the_figure_names_cohort_patients_models_and_strategies(predictions):
    text = words(draw_decision(table_of(predictions), cohort="external", models=MODELS, level=0.95))
    assert "External validation\nn = 40, 20 events" in text
    band = f"Band: {percent(0.95)} bootstrap, pointwise"
    for part in ("Clinical", "Combined", "Treat all", "Treat none", band, "Net benefit"):
        assert part in text
    assert "20 %\n1:4" in text


@pytest.mark.parametrize("quantity", LABELS)
def test_every_quantity_has_its_name_on_the_axis(predictions, quantity):
    figure = draw_decision(table_of(predictions), cohort="external", models=MODELS, level=0.95, quantity=quantity)
    axes = figure.axes[0]
    assert axes.get_ylabel() == LABELS[quantity]
    lines = {line.get_label(): line.get_ydata() for line in axes.lines}
    table = table_of(predictions)
    np.testing.assert_array_equal(lines["Clinical"], table.loc[table.model == "clinical", quantity])
    assert has_no_overlap(figure, [text for text in axes.get_xticklabels() if text.get_text()])


def test_colours_are_those_of_the_study_and_many_models_lose_their_bands(predictions):
    alone = draw_decision(table_of({"combined": predictions["combined"]}), cohort="external", models=MODELS, level=0.95)
    assert {line.get_label(): line.get_color() for line in alone.axes[0].lines}["Combined"] == MODEL_COLOURS[1]
    models = [*MODELS, {"name": "c", "label": "C"}, {"name": "d", "label": "D"}]
    many = {**predictions, "c": predictions["clinical"], "d": predictions["combined"]}
    figure = draw_decision(table_of(many), cohort="external", models=models, level=0.95)
    assert len(figure.axes[0].collections) == 0
    assert "Band" not in words(figure)


def test_the_axis_holds_gains_and_bands_and_cuts_large_losses(predictions):
    table = table_of(predictions)
    low, high = value_range(table, "net_benefit", banded=True)
    assert high > table.net_benefit_high.max()
    assert low == pytest.approx(-0.15 * high / 1.05)
    assert value_range(table.assign(net_benefit=-1.0), "net_benefit", banded=False) == (-0.15, 1.05)


@pytest.mark.parametrize(("threshold", "odds"), [(0.1, "1:9"), (0.2, "1:4"), (0.3, "3:7"), (0.5, "1:1"), (0.8, "4:1")])
def test_odds_of_a_threshold(threshold, odds):
    assert odds_text(threshold) == odds


def test_a_cohort_without_patients_or_events_is_a_sentence(predictions):
    empty = table_of(predictions, "internal")
    assert empty.empty
    text = words(draw_decision(empty, cohort="internal", models=MODELS, level=0.95))
    assert "no patients" in text
    assert "No curve: net benefit\ncannot be computed in this cohort." in text
    none = {name: table.assign(outcome=0) for name, table in predictions.items()}
    text = words(draw_decision(table_of(none), cohort="external", models=MODELS, level=0.95, quantity="standardised"))
    assert "n = 40, 0 events" in text
    assert "No curve: standardised net benefit" in text


def test_models_measured_in_different_patients_show_the_range(predictions):
    fewer = predictions["combined"].drop(index=predictions["combined"].query("cohort == 'external'").index[:4])
    table = table_of({"clinical": predictions["clinical"], "combined": fewer})
    assert "n = 36\N{EN DASH}40" in words(draw_decision(table, cohort="external", models=MODELS, level=0.95))


def test_the_figure_is_byte_stable(predictions, tmp_path):
    def draw():
        return draw_decision(table_of(predictions), cohort="external", models=MODELS, level=0.95)

    file = tmp_path / "decision.svg"
    save_figure(draw(), [file])
    assert file.read_bytes() == figure_bytes(draw(), ".svg")
