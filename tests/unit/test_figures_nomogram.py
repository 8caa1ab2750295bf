import numpy as np
import pytest
from matplotlib.text import Text
from test_figures import has_no_overlap, words
from test_nomogram import logistic_nomogram, small_nomogram, survival_nomogram

from habitat_radiomics.figures_nomogram import (
    AXIS_LEFT_MM,
    AXIS_RIGHT_MM,
    draw_nomogram,
    minor_ticks,
    nomogram_rows,
    wrapped,
)
from habitat_radiomics.nomogram import (
    build_nomogram,
    category_term,
    number_term,
    points_of,
    risk_scale,
    survival_scale,
    tick_table,
)
from habitat_radiomics.style import DOUBLE_COLUMN_MM, figure_bytes, save_figure


def crowded_nomogram():
    """Levels beside and upon each other, a predictor of hardly any effect, long names."""
    terms = [
        number_term("score", 1.2, values=np.linspace(-2.1, 2.4, 50), label="Radiomics score, T1 and T2 peritumour"),
        number_term("age", -0.001, values=np.arange(20, 80), label="Age (years)"),
        category_term("stage", {"I": 0, "II": 0.05, "III with nodes": 0.1, "IVa": 0.12, "IVb": 1.4}),
        category_term("sex", {"female": 0, "male": 0.0}),
        category_term(
            "margin", {"wide margins of more than two centimetres": 0, "marginal": 0.9, "intralesional": 1.0}
        ),
        number_term("ferritin", -0.0002, values=np.linspace(0, 24000, 50), label="wavelet-LLH_glcm_JointEntropyOfAll"),
    ]
    scales = [survival_scale("12-month survival", 0.8), survival_scale("36-month survival", 0.5)]
    return build_nomogram(terms, scales=scales, lp_range=(-3, 3))


def texts(figure):
    return [text for text in figure.findobj(Text) if text.get_text().strip()]


@pytest.mark.parametrize("nomogram", [logistic_nomogram, survival_nomogram, crowded_nomogram])
def test_no_two_texts_touch_and_all_are_inside_the_figure(nomogram):
    figure = draw_nomogram(
        tick_table(nomogram()), title="Nomogram", note="Training cohort, n = 98.", linear_predictor=True
    )
    assert has_no_overlap(figure, texts(figure))
    width, height = figure.canvas.get_width_height()
    for text in texts(figure):
        box = text.get_window_extent()
        assert (box.x0 >= 0, box.x1 <= width, box.y0 >= 0, box.y1 <= height) == (True,) * 4, text.get_text()


def test_positions_on_paper_are_those_of_the_points():
    nomogram = logistic_nomogram()
    rows = {row.label: row for row in nomogram_rows(tick_table(nomogram))}
    on_paper = {text: x for text, x, _ in rows["race"].labelled}
    for level in ("white", "black", "other"):
        patient = {"lwt": 120, "race": level, "smoke": 0, "ht": 0, "ui": 0}
        points = points_of(nomogram, patient).set_index("predictor").points["race"]
        assert on_paper[level] == pytest.approx(AXIS_LEFT_MM + points / 100 * (AXIS_RIGHT_MM - AXIS_LEFT_MM))
    total, risk = rows["Total points"], rows["Risk"]
    assert (total.x_mm[0], total.x_mm[-1]) == pytest.approx((AXIS_LEFT_MM, AXIS_RIGHT_MM))
    half = next(x for text, x, _ in risk.labelled if text == "0.5")
    share = (half - AXIS_LEFT_MM) / (AXIS_RIGHT_MM - AXIS_LEFT_MM)
    assert share * 220 == pytest.approx(142.575949860569, rel=1e-6)  # rms, total axis 0 to 220


def test_every_level_and_probability_is_labelled():
    ticks = tick_table(crowded_nomogram())
    text = words(draw_nomogram(ticks)).split("\n")
    for value in ticks.loc[ticks.kind.isin(["category", "discrete", "scale"]), "value"]:
        assert value in text


def test_an_axis_too_short_for_its_labels_keeps_both_ends():
    row = next(row for row in nomogram_rows(tick_table(crowded_nomogram())) if row.label == "Age (years)")
    assert [text for text, _, _ in row.labelled] == ["80", "20"]
    assert len(row.x_mm) == 2
    assert row.minor_mm.size == 0


def test_minor_ticks_divide_even_axes_only_as_far_as_there_is_room():
    assert minor_ticks(np.array([0.0, 10.0, 20.0])).size == 8
    assert minor_ticks(np.array([0.0, 2.0, 4.0])).tolist() == [1, 3]
    assert minor_ticks(np.array([0.0, 1.0, 2.0])).size == 0
    assert minor_ticks(np.array([0.0, 10.0, 11.0])).size == 0


def test_the_linear_predictor_is_drawn_on_request():
    ticks = tick_table(small_nomogram())
    assert "Linear predictor" not in words(draw_nomogram(ticks))
    assert "Linear predictor" in words(draw_nomogram(ticks, linear_predictor=True))


def test_long_names_are_wrapped_and_unbreakable_ones_broken():
    assert wrapped("Radiomics score of all sequences and regions", 40) == [
        "Radiomics score of all",
        "sequences and regions",
    ]
    broken = wrapped("wavelet-LLH_glcm_JointEntropyOfAllThings", 40)
    assert len(broken) == 2
    assert "".join(broken) == "wavelet-LLH_glcm_JointEntropyOfAllThings"


def test_two_predictors_of_one_name_on_paper_stay_two_axes():
    terms = [number_term(name, 0.5, ticks=[0, 1, 2], label="Score") for name in ("a", "b")]
    rows = nomogram_rows(tick_table(build_nomogram(terms, scales=[risk_scale("Risk")])))
    assert [row.label for row in rows] == ["Points", "Score", "Score", "Total points", "Risk"]


def test_the_figure_is_two_columns_wide_and_byte_stable(tmp_path):
    ticks = tick_table(crowded_nomogram())
    assert draw_nomogram(ticks).get_size_inches()[0] * 25.4 == pytest.approx(DOUBLE_COLUMN_MM)
    files = [tmp_path / "nomogram.svg", tmp_path / "nomogram.png"]
    save_figure(draw_nomogram(ticks, title="T"), files)
    for file in files:
        assert file.read_bytes() == figure_bytes(draw_nomogram(ticks, title="T"), file.suffix)
