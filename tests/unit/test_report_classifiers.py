"""The report on models that chose their classifier, and on what predictions rest on."""

from dataclasses import replace

import pandas as pd
import pytest

from example_results import ROOT, example_settings, write_example
from habitat_radiomics.report import caption_reader, read_parts
from habitat_radiomics.report_classifiers import (
    classifiers_section,
    delong_matrix,
    importance_section,
    partial_dependence_section,
)
from habitat_radiomics.results import load_results
from habitat_radiomics.style import new_figure, save_figure
from habitat_radiomics.tables import write_table

CAPTION = caption_reader(read_parts(path for path in sorted((ROOT / "workflow/report").iterdir()) if path.is_file()))
CHOICE = {
    "scope": ["radiomics", "combined", "all"],
    "candidates": [2, 2, 4],
    "model": ["radiomics", "combined", "combined"],
    "classifier": ["lda", "knn", "knn"],
    "auc_chosen": [0.71, 0.8, 0.8],
    "auc_largest": [0.74, 0.8, 0.8],
    "auc_nested": [0.69, 0.765, 0.752],
    "nested_low": [0.5, 0.6, 0.6],
    "nested_high": [0.8, 0.9, 0.9],
    "optimism": [0.02, 0.035, 0.048],
    "optimism_largest": [0.05, 0.035, 0.048],
    "n": [39, 39, 39],
    "events": [20, 20, 20],
}
IMPORTANCE = {
    "cohort": ["train_cv", "internal"],
    "predictor": ["age", "age"],
    "auc": [0.8, 0.7],
    "fall": [0.1234, -0.02],
    "lowest": [0.05, -0.06],
    "highest": [0.2, 0.01],
    "folds": [5, None],
    "n": [39, 14],
    "events": [20, 7],
}


PARTIAL = {
    "cohort": ["internal", "external"] * 2,
    "predictor": ["age"] * 4,
    "value": [50.0, 50.0, 70.0, 70.0],
    "risk": [0.2, 0.25, 0.6, 0.3],
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    results = load_results(example_settings(), write_example(folder))
    models = {
        name: {**model, "estimator": "best"} if name in ("radiomics", "combined") else model
        for name, model in results.config["models"].items()
    }
    choice, importance, partial = (pd.DataFrame(rows) for rows in (CHOICE, IMPORTANCE, PARTIAL))
    write_table(folder / "choice.csv", choice)
    write_table(folder / "importance.csv", importance)
    write_table(folder / "partial.csv", partial)
    save_figure(new_figure(20, 20), [folder / "figure.svg"])
    svg = str(folder / "figure.svg")
    figures = {"classifiers": svg, "importance": {"combined": svg}, "partial_dependence": {"combined": svg}}
    files = {"choice": str(folder / "choice.csv"), "importance": {"combined": str(folder / "importance.csv")}}
    files["partial_dependence"] = {"combined": str(folder / "partial.csv")}
    pairs = results.comparisons[results.comparisons["model"] == "combined"].assign(reference="radiomics")
    return replace(
        results,
        config={**results.config, "models": models},
        files={**results.files, **files, "figures": figures},
        comparisons=pd.concat([results.comparisons, pairs]),
        statistics={
            **results.statistics,
            "classifiers": pd.DataFrame({"model": []}),
            "choice": choice,
            "importance": {"combined": importance},
            "partial_dependence": {"combined": partial},
        },
    )


def test_the_section_says_what_was_chosen_and_how_much_better_it_looked(results):
    sentence, chosen, picture, matrix = classifiers_section(results, CAPTION)["blocks"]
    assert sentence["text"].startswith(
        "Of 4 candidates on training patients, Combined, k nearest neighbours was chosen; its AUC in cross-validation "
        "is 0.800; the largest is 0.800."
    )
    assert "(nested cross-validation) the AUC is 0.752 (95 % CI 0.60 to 0.90)" in sentence["text"].replace("\xa0", " ")
    assert "the best of 4 looks 0.048 better than what choosing it gives" in sentence["text"]
    assert [row[0][0] for row in chosen["rows"]] == ["Radiomics (tumour)", "Combined", "All models"]
    assert chosen["rows"][2][2][0] == "Combined: k nearest neighbours"
    assert "Heat map" in picture["alt"]
    assert matrix["title"].startswith("Difference of the AUCs")


def test_tests_between_models_stand_in_a_matrix_whichever_way_round_they_were_made(results):
    rows = {row[0][0]: [cell[0] for cell in row[1:]] for row in delong_matrix(results)["rows"] if len(row) > 1}
    there, back = rows["Radiomics (tumour)"], rows["Combined"]
    assert there[0] == back[1] == "\N{EN DASH}"
    assert there[1].replace("\N{MINUS SIGN}", "") == back[0].replace("\N{MINUS SIGN}", "")
    assert ("\N{MINUS SIGN}" in there[1]) != ("\N{MINUS SIGN}" in back[0])


def test_importance_names_falls_and_the_folds_that_used_an_input(results):
    title, picture, measured = importance_section(results, CAPTION)["blocks"]
    assert "AUC of the model Combined" in picture["alt"]
    cells = [[cell[0] for cell in row] for row in measured["rows"]]
    assert cells[0][1:] == ["age", "0.123", "0.050 to 0.200", "5"]
    assert cells[1][2:] == ["\N{MINUS SIGN}0.020", "\N{MINUS SIGN}0.060 to 0.010", "\N{EN DASH}"]


def test_partial_dependence_names_how_far_an_input_moves_the_risk(results):
    title, picture, measured = partial_dependence_section(results, CAPTION)["blocks"]
    assert "risk predicted by the model Combined" in picture["alt"]
    cells = [[cell[0] for cell in row] for row in measured["rows"]]
    assert cells == [
        ["Internal validation", "age", "0.200", "0.600", "0.400"],
        ["External validation", "age", "0.250", "0.300", "0.050"],
    ]


def test_studies_without_a_choice_or_importance_have_no_such_sections(results):
    absent = dict.fromkeys(("classifiers", "importance", "partial_dependence"))
    plain = replace(results, statistics={**results.statistics, **absent})
    assert classifiers_section(plain, CAPTION) is None
    assert importance_section(plain, CAPTION) is None
    assert partial_dependence_section(plain, CAPTION) is None
