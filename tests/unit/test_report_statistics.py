"""What the report says of calibration, usefulness and other statistics."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from example_results import ROOT, example_config, example_settings, write_example, write_placeholders
from habitat_radiomics import report_statistics as sections
from habitat_radiomics.cohort_tables import calibration_measures
from habitat_radiomics.report import caption_reader, read_parts
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
