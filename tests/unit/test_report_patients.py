"""Table 1, clinical factors and sample sizes as the report shows them, from the tables they are stored in."""

from dataclasses import replace

import pandas as pd
import pytest
from scipy import stats

from example_results import ROOT, example_settings, write_example
from habitat_radiomics.logistic_tables import logistic_tables
from habitat_radiomics.patient_groups import described_groups, included_patients
from habitat_radiomics.report import caption_reader, read_parts
from habitat_radiomics.report_patients import factor_table, group_tables, sample_size_table
from habitat_radiomics.results import load_results
from habitat_radiomics.sample_size_table import candidate_counts
from habitat_radiomics.sample_size_table import sample_size_table as judged
from habitat_radiomics.tables import read_table, write_table

CAPTION = caption_reader(read_parts(path for path in sorted((ROOT / "workflow/report").iterdir()) if path.is_file()))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    results = load_results(example_settings(), write_example(folder))
    variables = results.config["clinical"]
    patients = included_patients(results.files["patients"], variables)
    cells, tests = described_groups(patients, variables, outcome_label=results.outcome)
    training = patients[patients["cohort"] == "train"]
    factors, summary = logistic_tables(training, (training["outcome"] == "yes").astype(int), variables, flow="all")
    coefficients = {name: tables["coefficients"] for name, tables in results.models.items()}
    candidates = candidate_counts(coefficients, {name: t["funnel"] for name, t in results.signatures.items()})
    sizes = judged(results.metrics, coefficients, candidates)
    tables = {"table_one": cells, "table_one_tests": tests, "factors": factors, "sample_size": sizes}
    files = {name: str(folder / f"{name}.csv") for name in tables}
    for name, path in files.items():
        write_table(path, tables[name])
    read = {name: read_table(path) for name, path in files.items()} | {"factors_summary": summary}
    return replace(results, files={**results.files, **files}, statistics={**results.statistics, **read})


def rows_of(shown):
    return {row[0][0]: [cell for cell, _ in row[1:]] for row in shown["rows"]}


def test_included_patients_are_counted_by_cohort_with_their_gaps(results):
    included = results.patients[results.patients["included"] == "True"]
    training = included[included["cohort"] == "train"]
    women, events = (training["sex"] == "F").sum(), int(training["outcome"].astype(float).sum())
    shown, *parts = group_tables(results, CAPTION)
    rows = rows_of(shown)
    assert rows["Patients"][:3] == ["39", "14", "18"]
    assert rows["Progression within the follow-up: yes"][0] == f"{events} ({100 * events / 39:.1f})"
    assert rows["Sex, n (%): F"][0] == f"{women} ({100 * women / 39:.1f})"
    assert rows["Age, years: missing"][:3] == ["1", "0", "0"]
    assert [part["title"] for part in parts] == [
        f"{name}: patients by outcome" for name in ("Training", "Internal validation", "External validation")
    ]


def test_the_p_value_is_that_of_the_named_test(results):
    included = results.patients[results.patients["included"] == "True"].query("cohort == 'external'")
    ages = [pd.to_numeric(part["age"]) for _, part in included.groupby("outcome")]
    shown = group_tables(results, CAPTION)[3]
    row = next(row for row in shown["rows"] if row[0][0].startswith("Age"))
    p = {"Student t": stats.ttest_ind(*ages).pvalue, "Mann-Whitney U": stats.mannwhitneyu(*ages).pvalue}
    assert row[3] == (f"{p[row[3][1]]:.3f}", row[3][1])


def test_a_category_has_a_reference_row_and_a_number_its_unit(results):
    rows = rows_of(factor_table(results, CAPTION))
    assert rows["Sex: F"][1] == "Reference"
    assert rows["Sex: F"][3] == "Reference"
    assert "Age (per year)" in rows
    assert "multivariable model of variables with univariable p < 0.05" in factor_table(results, CAPTION)["title"]


def test_a_variable_of_the_multivariable_model_shows_its_variance_inflation_once(results):
    table = factor_table(results, CAPTION)
    rows = rows_of(table)
    stored = results.statistics["factors"].query("analysis == 'multivariable'").groupby("variable")["vif"].first()
    assert table["header"][-1] == "VIF"
    assert rows["Age (per year)"][-1] == f"{stored['age']:.2f}"
    assert [rows["Sex: F"][-1], rows["Sex: M"][-1]] == [f"{stored['sex']:.2f}", ""]


def test_candidates_are_all_features_that_were_offered(results):
    sizes = results.statistics["sample_size"].set_index("model")
    assert sizes.loc["clinical", "candidates"] == sizes.loc["clinical", "parameters"] == 2
    assert sizes.loc["combined", "candidates"] == 2260 + 2
    assert sizes.loc["combined", "needed_for_candidates"] > sizes.loc["combined", "needed_for_parameters"]
    rows = rows_of(sample_size_table(results, CAPTION))
    assert rows["Combined"][1] == "2,262"


def test_without_an_expected_auc_no_sample_size_is_made_up(results):
    metrics = results.metrics.copy()
    metrics.loc[(metrics["cohort"] == "train_cv") & (metrics["metric"] == "auc"), "estimate"] = 0.5
    coefficients = {"clinical": results.models["clinical"]["coefficients"]}
    row = judged(metrics, coefficients, {"clinical": 2}).iloc[0]
    assert pd.isna(row["needed_for_parameters"])
    assert row["note"] == "the cross-validated AUC is not between 0.5 and 1"


def test_what_was_not_stored_is_not_shown(results):
    empty = replace(results, statistics=dict.fromkeys(results.statistics))
    assert group_tables(empty, CAPTION) == []
    assert factor_table(empty, CAPTION) is None
    assert sample_size_table(empty, CAPTION) is None
