"""Figures: their tables, what is written in them, and their bytes."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from sklearn.metrics import roc_auc_score, roc_curve

from example_results import (
    ROOT,
    example_metrics,
    example_path,
    example_patients,
    example_predictions,
    example_scan,
)
from habitat_radiomics.figures_agreement import agreement_histogram, draw_agreement
from habitat_radiomics.figures_cohort import draw_flow, flow_boxes
from habitat_radiomics.figures_regions import common_scale_bar_mm, draw_regions, scale_bar_mm
from habitat_radiomics.figures_roc import draw_roc, roc_table
from habitat_radiomics.figures_scores import draw_scores, score_table
from habitat_radiomics.figures_selection import draw_coefficients, draw_lasso, path_table, selected_coefficients
from habitat_radiomics.slices import largest_slice, read_scan
from habitat_radiomics.style import MODEL_COLOURS, figure_bytes, model_styles, save_figure

MODELS = [{"name": "clinical", "label": "Clinical"}, {"name": "combined", "label": "Combined"}]
GROUPS = [{"title": "", "models": MODELS}]
SIZES = {"train": 20, "external": 12}


def words(figure):
    """Everything written in a figure."""
    figure.draw_without_rendering()
    return "\n".join(text.get_text() for text in figure.findobj(Text) if text.get_visible())


def has_no_overlap(figure, texts):
    """Whether the boxes of some texts are apart."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    boxes = [text.get_window_extent(renderer) for text in texts]
    return not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


@pytest.fixture(scope="module")
def predictions():
    random = np.random.default_rng(5)
    patients = example_patients(random, SIZES)
    return {
        model["name"]: example_predictions(random, patients, strength)
        for model, strength in zip(MODELS, (0.3, 1.5), strict=True)
    }


@pytest.fixture(scope="module")
def metrics(predictions):
    return example_metrics(predictions)


@pytest.fixture
def path():
    return example_path(
        np.random.default_rng(1), [f"T1|tumour|original_glcm_{name}" for name in ("Contrast", "Idm", "MCC")]
    )


def coefficients(number):
    names = [f"T1|tumour|log-sigma-{i}-0-mm-3D_glcm_Contrast" for i in range(1, number + 1)]
    values = [(-1) ** i * (i + 1) / 10 for i in range(number)]
    return pd.DataFrame({"feature": ["(intercept)", *names], "coefficient": [0.3, *values]})


# ROC


def test_roc_curves_are_those_of_scikit_learn(predictions):
    table = roc_table(predictions, "external")
    chosen = predictions["combined"].query("cohort == 'external'")
    fpr, tpr, _ = roc_curve(chosen["outcome"], chosen["score"], drop_intermediate=False)
    curve = table.query("model == 'combined'").sort_values(["false_positive_rate", "true_positive_rate"])
    np.testing.assert_allclose(curve["false_positive_rate"], fpr, atol=1e-15)
    np.testing.assert_allclose(curve["true_positive_rate"], tpr, atol=1e-15)
    area = np.trapezoid(curve["true_positive_rate"], curve["false_positive_rate"])
    assert area == pytest.approx(roc_auc_score(chosen["outcome"], chosen["score"]))


def test_the_legend_of_a_roc_figure_holds_the_numbers_of_the_metrics(predictions, metrics):
    text = words(draw_roc(roc_table(predictions, "external"), metrics, cohort="external", groups=GROUPS, level=0.95))
    assert "n = 12, 6 events" in text
    assert "AUC (95\N{NO-BREAK SPACE}% CI)" in text
    for row in metrics.query("cohort == 'external' and metric == 'auc'").itertuples():
        assert f"{row.model.title()}  {row.estimate:.2f} ({row.ci_low:.2f} to {row.ci_high:.2f})" in text


def test_a_cohort_without_both_classes_is_drawn_as_a_sentence(predictions, metrics):
    assert roc_table({"clinical": predictions["clinical"].query("outcome == 1")}, "external").empty
    text = words(draw_roc(roc_table(predictions, "internal"), metrics, cohort="internal", groups=GROUPS, level=0.95))
    assert "no patients" in text
    assert "No curve" in text


def test_groups_of_models_stand_in_panels_of_their_own(predictions, metrics):
    groups = [{"title": f"Group {name['label']}", "models": [name]} for name in MODELS]
    figure = draw_roc(roc_table(predictions, "external"), metrics, cohort="external", groups=groups, level=0.95)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Group Clinical", "Group Combined"]
    legends = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in figure.axes]
    assert legends[0][0].startswith("Clinical  0.")
    assert [len(legend) for legend in legends] == [2, 2]


def test_a_model_keeps_its_colour_when_others_are_added():
    few, many = model_styles(["a", "b"]), model_styles(["a", "b", *map(str, range(20))])
    assert {name: many[name] for name in few} == few
    assert len({str(style) for style in many.values()}) == len(many)
    assert [style["color"] for style in few.values()] == list(MODEL_COLOURS[:2])


# Selection


def test_selected_paths_are_those_not_zero_at_the_chosen_penalty(path):
    table = path_table(path)
    at_chosen = path.loc[path["chosen"]].iloc[0]
    for feature, curve in table.groupby("feature"):
        assert curve["selected"].all() == (at_chosen[feature] != 0)
        np.testing.assert_array_equal(curve["coefficient"], path[feature])
    assert table["log_penalty"].min() == pytest.approx(np.log(path["penalty"].min()))


def test_the_lasso_figure_states_penalty_features_and_patients(path):
    chosen = path.loc[path["chosen"]].iloc[0]
    text = words(draw_lasso(path, label="Tumour", patients=39))
    assert "Tumour: LASSO on 39 training patients" in text
    assert f"chosen: log penalty −{abs(np.log(chosen['penalty'])):.2f}, {chosen['features']} features" in text
    assert "Coefficient (per SD)" in text


def test_a_lasso_without_any_entering_feature_is_drawn(path):
    nothing = path[["penalty", "deviance", "deviance_se", "features", "chosen"]].assign(features=0)
    assert path_table(nothing).empty
    assert "No feature enters at any penalty." in words(draw_lasso(nothing, label="Tumour", patients=20))


def test_a_signature_without_features_says_so():
    assert "No feature was selected" in words(draw_coefficients(coefficients(0), label="Tumour"))


def test_coefficients_are_ordered_by_size_and_named_in_words():
    table = selected_coefficients(coefficients(3))
    assert table["coefficient"].tolist() == [0.3, -0.2, 0.1]
    assert table["label"].iloc[0] == "T1 tumour, LoG 3 mm, GLCM contrast"
    text = words(draw_coefficients(coefficients(3), label="Tumour", unit="unit"))
    assert "Tumour: 3 selected features" in text
    assert "change of the score per unit of the feature" in text


def test_very_many_coefficients_are_cut_and_the_figure_says_so():
    figure = draw_coefficients(coefficients(45), label="Tumour")
    assert "45 selected features, the strongest 40 shown" in words(figure)
    assert len([label for label in figure.axes[0].get_yticklabels() if label.get_text()]) == 40


def test_feature_names_do_not_overlap():
    figure = draw_coefficients(coefficients(30), label="Tumour")
    assert has_no_overlap(figure, figure.axes[0].get_yticklabels())


def test_scores_are_joined_with_outcomes_and_shown_patient_by_patient():
    outcome = pd.DataFrame(
        {"patient": list("abcd"), "cohort": ["train"] * 2 + ["external"] * 2, "outcome": [0, 1, 0, 1]}
    )
    scores = pd.DataFrame({"patient": list("abcd"), "score": [0.1, 0.9, 0.2, 0.8]})
    held_out = pd.DataFrame({"patient": list("ab"), "fold": [0, 1], "score": [0.3, 0.4]})
    table = score_table(scores, held_out, outcome)
    assert table.groupby("cohort")["score"].apply(list).to_dict() == {
        "external": [0.2, 0.8],
        "train": [0.1, 0.9],
        "train_cv": [0.3, 0.4],
    }
    figure = draw_scores(table, label="Tumour", outcome_label="progression")
    points = sum(len(dots.get_offsets()) for axes in figure.axes for dots in axes.collections)
    assert points == len(table)
    assert words(figure).count("n = 1") == 6


def test_scores_of_a_single_cohort_are_drawn():
    table = pd.DataFrame({"patient": list("abc"), "cohort": "train", "outcome": [0, 1, 1], "score": [0.0, 0.0, 0.0]})
    assert "External" not in words(draw_scores(table, label="Tumour", outcome_label="progression"))


# Regions


def test_the_slice_with_the_largest_tumour_area_is_shown():
    image, regions = example_scan(centre=(28, 26, 13))
    found = largest_slice(image, regions)
    assert (found.number, found.count) == (14, 24)
    assert found.position_mm == pytest.approx(-40 + 13 * 2)
    labels = sitk.GetArrayFromImage(regions)[13]
    assert [(found.labels == label).sum() for label in (1, 2)] == [(labels == label).sum() for label in (1, 2)]


def test_a_slice_keeps_its_physical_proportions_and_its_scale():
    image, regions = example_scan(spacing_mm=(0.5, 1.5, 2.0), size=(120, 50, 24), centre=(60, 25, 12))
    figure = draw_regions({"T1": largest_slice(image, regions)}, patient="P1", regions=["tumour"])
    axes = figure.axes[0]
    figure.draw_without_rendering()
    left, right, bottom, top = axes.images[0].get_extent()
    rows, columns = axes.images[0].get_array().shape
    assert (right - left, bottom - top) == pytest.approx((columns * 0.5, rows * 1.5))
    box = axes.get_window_extent()
    assert box.width / box.height == pytest.approx((right - left) / (bottom - top), rel=0.01)
    bar = axes.lines[0].get_xdata()
    assert f"{bar[1] - bar[0]:.0f} mm" in words(figure)


@pytest.mark.parametrize(
    ("direction", "ends"), [((1, 0, 0, 0, 1, 0, 0, 0, 1), "RLAP"), ((-1, 0, 0, 0, 0, 1, 0, -1, 0), "LRSI")]
)
def test_letters_name_the_sides_of_the_patient(direction, ends):
    image, regions = example_scan()
    for picture in (image, regions):
        picture.SetDirection(direction)
    assert "".join(largest_slice(image, regions).ends) == ends


def test_the_shell_is_drawn_only_where_the_study_uses_it():
    found = {"T1": largest_slice(*example_scan())}
    assert "peritumoural shell" in words(draw_regions(found, patient="P1", regions=["tumour", "expansion"]))
    assert "peritumoural shell" not in words(draw_regions(found, patient="P1", regions=["tumour"]))


def test_an_unusable_scan_gives_a_figure_that_says_why(tmp_path):
    empty = tmp_path / "T1.nii.gz"
    empty.write_text("")
    reason = read_scan(empty, empty, [{"code": "mask_empty", "message": "the tumour mask has no voxel."}])
    assert read_scan(empty, empty, []) == "the file is empty."
    text = words(draw_regions({"T1": reason, "T2": largest_slice(*example_scan())}, patient="P1", regions=["tumour"]))
    assert "T1 cannot be shown:\nthe tumour mask has no voxel." in text
    assert "T2, slice 14 of 24 (I 14.0 mm)" in text


@pytest.mark.parametrize(("width_mm", "bar"), [(65, 20), (31, 10), (200, 50), (2, 1)])
def test_the_scale_bar_has_a_round_length_of_at_most_a_third(width_mm, bar):
    assert scale_bar_mm(width_mm) == bar


def test_all_sequences_of_a_figure_have_bars_of_the_same_length():
    near = largest_slice(*example_scan())
    slices = {"T1": near, "T2": replace(near, spacing_mm=(2.5, 2.5)), "FS": "the file is empty."}
    text = words(draw_regions(slices, patient="P1", regions=["tumour"])).splitlines()
    assert [line for line in text if line.endswith(" mm")] == [f"{common_scale_bar_mm(slices)} mm"] * 2
    assert common_scale_bar_mm({"T1": near}) == common_scale_bar_mm(slices) < common_scale_bar_mm({"T2": slices["T2"]})


# Cohort and agreement


def flow(excluded=((3, "mask empty"),), cohorts=(("train", 5), ("external", 4))):
    screened = sum(n for n, _ in excluded) + sum(n for _, n in cohorts)
    rows = [("screened", "", screened), *(("excluded", reason, n) for n, reason in excluded)]
    rows += [("included", "", sum(n for _, n in cohorts)), *(("cohort", name, n) for name, n in cohorts)]
    return pd.DataFrame(rows, columns=["step", "reason", "patients"])


def test_the_flow_names_every_reason_with_its_count():
    text = words(
        draw_flow(
            flow(excluded=((3, "mask empty"), (2, "a reason so long that it cannot stand on one line of the box")))
        )
    )
    assert "Screened\nn = 14" in text
    assert "Excluded, n = 5\n3  mask empty\n2  a reason so long" in text
    assert "External validation\nn = 4" in text


def test_a_flow_without_exclusions_has_no_box_for_them():
    assert flow_boxes(flow(excluded=()))["excluded"] == []
    assert "Excluded" not in words(draw_flow(flow(excluded=(), cohorts=(("train", 30),))))


def test_a_flow_that_does_not_close_is_refused():
    table = flow()
    table.loc[0, "patients"] += 1
    with pytest.raises(ValueError, match="does not close: 13 screened, 3 excluded, 9 included, 9 in cohorts"):
        flow_boxes(table)


def test_the_histogram_counts_every_assessed_feature_once():
    icc = pd.DataFrame({"icc_inter": [-0.4, 0.0, 0.76, 1.0, np.nan], "n_inter": 20, "icc_intra": np.nan, "n_intra": 0})
    counts = agreement_histogram(icc, "inter")
    assert (counts.sum(), counts[0], counts[-1]) == (4, 2, 1)
    text = words(draw_agreement(icc, thresholds=[0.75], forms={"inter": "ICC(2,1)", "intra": "ICC(3,1)"}))
    assert "> 0.75: 2 of 5 features" in text
    assert "Not assessed" in text


# Files

DRAW_AND_HASH = """
import hashlib, numpy as np
from example_results import example_path
from habitat_radiomics.figures_selection import draw_lasso
from habitat_radiomics.slices import largest_slice, read_scan
from habitat_radiomics.style import figure_bytes
figure = draw_lasso(example_path(np.random.default_rng(1), ["T1|tumour|original_glcm_Idm"]), label="T", patients=9)
print(*(hashlib.sha256(figure_bytes(figure, s)).hexdigest() for s in (".png", ".svg")))
"""


def test_figures_have_the_same_bytes_in_every_process():
    folders = [str(ROOT / "scripts"), str(ROOT / "tests")]
    answers = {
        subprocess.run(
            [sys.executable, "-c", DRAW_AND_HASH],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(folders), "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(answers) == 1


def test_every_figure_is_byte_stable_and_free_of_dates(predictions, metrics, path, tmp_path):
    draws = {
        "roc": lambda: draw_roc(roc_table(predictions, "train"), metrics, cohort="train", groups=GROUPS, level=0.9),
        "coefficients": lambda: draw_coefficients(coefficients(4), label="Tumour"),
        "flow": lambda: draw_flow(flow()),
        "regions": lambda: draw_regions({"T1": largest_slice(*example_scan())}, patient="P1", regions=["peritumour"]),
    }
    for name, draw in draws.items():
        files = [tmp_path / f"{name}.png", tmp_path / f"{name}.svg"]
        save_figure(draw(), files)
        for file in files:
            assert file.read_bytes() == figure_bytes(draw(), file.suffix)
        assert "date" not in files[1].read_text().lower()
