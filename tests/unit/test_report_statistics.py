"""What the report says of calibration, usefulness and other statistics."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from example_results import ROOT, example_config, example_settings, write_example, write_placeholders
from habitat_radiomics import report_statistics as sections
from habitat_radiomics.cohort_tables import calibration_measures, precision_table, reclassification
from habitat_radiomics.report import caption_reader, read_parts
from habitat_radiomics.report_sections import coefficient_table
from habitat_radiomics.results import load_results

CAPTION = caption_reader(read_parts(path for path in sorted((ROOT / "workflow/report").iterdir()) if path.is_file()))
COHORTS = ("train", "train_cv", "internal", "external")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def results(folder):
    files = write_example(folder)
    files["figures"] = write_placeholders(folder, example_config(), COHORTS)
    return load_results(example_settings(), files)


def with_statistics(results, folder, **tables):
    """The results with further tables, which are stored, too."""
    files = dict(results.files)
    for name, table in tables.items():
        files[name] = str(Path(folder, f"{name}.csv"))
        table.to_csv(files[name], index=False)
    return replace(results, files=files, statistics={**results.statistics, **tables})


def test_what_was_not_measured_has_no_section(results):
    assert sections.calibration_section(results, CAPTION) is None
    assert sections.decision_section(results, CAPTION) is None


def test_calibration_is_shown_with_its_intervals_and_what_could_not_be_estimated(results, folder):
    predictions = {name: pd.read_csv(paths["predictions"]) for name, paths in results.files["models"].items()}
    measures = calibration_measures(predictions, level=0.95, groups=10)
    measures.loc[(measures["metric"] == "slope") & (measures["model"] == "clinical"), "estimate"] = float("nan")
    shown = sections.calibration_table(with_statistics(results, folder, calibration=measures), CAPTION)
    header = shown["header"]
    first, clinical = shown["rows"][0], shown["rows"][1]
    assert first[0][0].startswith("Training, apparent: n = 39, ")
    assert clinical[header.index("Slope")] == ("–", "not estimable")
    row = measures.query("cohort == 'train' and model == 'clinical' and metric == 'brier'").iloc[0]
    assert clinical[header.index("Brier")] == (
        f"{row['estimate']:.3f}",
        f"({row['ci_low']:.3f} to {row['ci_high']:.3f})",
    )
    assert clinical[header.index("Hosmer-Lemeshow")][1].startswith("(p ")


def test_a_tiny_p_is_below_not_equal():
    row = pd.Series({"estimate": 40.0, "p": 1e-6}, name="hosmer_lemeshow")
    assert sections.measure_cell(row, 1) == ("40.0", "(p < 0.001)")


def test_average_precision_and_reclassification_are_shown_with_their_warning(results, folder):
    predictions = {name: pd.read_csv(paths["predictions"]) for name, paths in results.files["models"].items()}
    chosen = {"reference": "clinical", "model": "combined", "cutoffs": [0.5], "level": 0.95}
    tables = {"precision": precision_table(predictions, level=0.95)}
    tables["reclassification"] = reclassification(predictions, **chosen)
    shown = sections.supplement_blocks(with_statistics(results, folder, **tables), CAPTION)
    assert shown[2] is None
    assert shown[0]["rows"][0][0][0].startswith("Training, apparent: ")
    names = [row[0][0] for row in shown[1]["rows"]]
    assert {"Continuous NRI", "Continuous NRI, with the event", "Categorical NRI", "IDI, without the event"} <= set(
        names
    )
    assert "not advised" in shown[1]["note"]


def test_the_bootstrap_shows_three_answers_and_how_often_features_were_selected(results):
    statistics = pd.DataFrame({"statistic": ["auc", "brier", "slope"], "apparent": [0.9, 0.1, 1.5]})
    statistics = statistics.assign(optimism=[0.1, -0.05, 9.0], corrected=[0.8, 0.15, float("nan")], resamples=12)
    statistics = statistics.assign(out_of_bag=[0.6, 0.25, float("nan")], corrected_632=[0.7, 0.2, float("nan")])
    feature = results.signatures["tumour"]["coefficients"]["feature"][1]
    frequency = {"signature": "tumour", "feature": [feature], "selected": 3, "frequency": 0.25, "positive": 1.0}
    fixed = statistics.assign(corrected=[0.85, 0.12, 0.9])
    known = {"fixed_features": dict.fromkeys(results.orders["models"], fixed)}
    known["bootstrap"] = dict.fromkeys(results.orders["models"], statistics)
    known["frequency"] = dict.fromkeys(results.orders["models"], pd.DataFrame({**frequency, "in_study": True}))
    boosted = replace(results, statistics={**results.statistics, **known})
    rows = sections.bootstrap_table(boosted, CAPTION)["rows"]
    cells = [cell for cell, _ in rows[1]]
    assert cells[:6] == ["Clinical", "0.90", "0.10", "0.85", "0.80", "0.60"]
    slope = rows[-1]
    assert [cell for cell, _ in slope[1:5]] == ["1.50", "–", "0.90", "–"]
    assert "stays far too" in sections.bootstrap_table(boosted, CAPTION)["note"]
    assert coefficient_table(boosted, "tumour")["rows"][0][-1][0] == "25\N{NO-BREAK SPACE}%"
    assert sections.frequency_table(boosted, "tumour", CAPTION)["rows"][0][3][0] == "yes"
    assert sections.frequency_table(boosted, "peritumour", CAPTION) is None
    assert sections.bootstrap_section(results, CAPTION) is None


def test_the_nomogram_has_its_points_in_a_table(results, folder):
    points = pd.DataFrame({"predictor": "sex", "label": "Sex", "value": ["F", "M"], "points": [0.0, 31.26]})
    found = with_statistics(results, folder, points=points)
    found.files["figures"]["nomogram"] = found.files["figures"]["flow"]
    built = sections.nomogram_section(found, CAPTION)
    assert [[cell for cell, _ in row] for row in built["blocks"][1]["rows"]] == [["Sex"], ["F", "0.0"], ["M", "31.3"]]
    assert 'href="nomogram.html"' in built["blocks"][0]["caption"]
