"""Reporting checklists: complete, filled from the stored numbers, and open where only the authors know."""

import subprocess
import sys
from dataclasses import replace

import pandas as pd
import pytest
from test_report import PARTS, Page, results_of

from example_results import ROOT, example_config, example_settings
from habitat_radiomics.checklists import (
    LISTS,
    STATUSES,
    TOPICS,
    counts,
    filled_checklist,
    metrics_score,
    read_checklist,
)
from habitat_radiomics.entry import read_json, write_json
from habitat_radiomics.metrics_score import JUDGES, applies, score_range, verdict
from habitat_radiomics.report import report_page
from habitat_radiomics.results import load_results
from habitat_radiomics.tables import write_table
from survival_tables import survival_results

ITEMS = {name: read_checklist(ROOT / f"workflow/report/checklists/{name}.tsv") for name in LISTS}
GIVEN = {"source": "features", "features": {"T1": {"tumour": "T1.csv"}, "T2": {"tumour": "T2.csv"}}}
# As the online tool METRICS v1.0 has them (metricsscore/metrics, METRICS.html).
WEIGHTS = [0.037, 0.074, 0.092, 0.044, 0.029, 0.044, 0.029, 0.034, 0.022, 0.011, 0.062, 0.031, 0.041, 0.02, 0.02, 0.03]
WEIGHTS += [0.02, 0.06, 0.03, 0.035, 0.023, 0.018, 0.012, 0.029, 0.018, 0.037, 0.075, 0.007, 0.007, 0.007]
# Collins 2024, Table 2.
TRIPOD = "1 2 3a 3b 3c 4 5a 5b 6a 6b 6c 7 8a 8b 8c 9a 9b 9c 10 11 12a 12b 12c 12d 12e 12f 12g 13 14 15 16 17 18a 18b"
TRIPOD += " 18c 18d 18e 18f 19 20a 20b 20c 21 22 23a 23b 24 25 26 27a 27b 27c"
DEVELOPMENT, EVALUATION = {"9a", "12a", "12b", "12c", "15", "22", "27a", "27b"}, {"12f", "12g", "20c", "24"}
OF_AUTHORS = {
    "CLEAR": "1 3 4 5 6 8 10 12 14 49 50 51 53",
    "METRICS": "5 7 9",
    "TRIPOD+AI": "1 3a 3b 3c 5b 6c 8b 8c 17 18a 18b 18c 18d 19 25 27c",
}
IMAGE_ITEMS = {"CLEAR": "16 19 20 21 22 23 24 25 26 28 31", "METRICS": "6 8 10 11 12 13 14 18 23", "TRIPOD+AI": "7 9c"}


@pytest.fixture(scope="module")
def binary(tmp_path_factory):
    return with_models(results_of(tmp_path_factory.mktemp("binary")))


@pytest.fixture(scope="module")
def survival(tmp_path_factory):
    folder = tmp_path_factory.mktemp("survival")
    found = survival_results(folder)
    write_json(folder / "provenance.json", {"versions": {}})
    return replace(found, files={**found.files, "provenance": str(folder / "provenance.json")})


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    found = results_of(tmp_path_factory.mktemp("given"), config=example_config(data=GIVEN), icc=False)
    lost = dict.fromkeys(("volume", "volume_proxies", "bin_width"))
    return replace(found, statistics={**found.statistics, **lost})


def with_models(results):
    """The record of a study that stored its models."""
    fitted = {f"results/demo/train/{name}/model.skops": name[:1] * 64 for name in results.models}
    record = {**results.provenance, "commit": "c0ffee", "results": {**results.provenance["results"], **fitted}}
    return replace(results, provenance=record)


def filled(name, results):
    return filled_checklist(name, ITEMS[name], results).set_index("number")


def answer(name, number, results):
    items = ITEMS[name][ITEMS[name]["number"].eq(number) | ITEMS[name]["number"].str.startswith("Condition")]
    found = filled_checklist(name, items, results).set_index("number")
    return found.loc[number, "answer"].replace("\N{NO-BREAK SPACE}", " ")


# The lists --------------------------------------------------------------------------------------------------------


def test_clear_has_items_1_to_58():
    assert ITEMS["CLEAR"]["number"].tolist() == [str(n) for n in range(1, 59)]


def test_metrics_has_items_1_to_30_five_conditions_and_the_weights_of_the_tool():
    items = ITEMS["METRICS"][ITEMS["METRICS"]["weight"] != ""]
    assert items["number"].tolist() == [str(n) for n in range(1, 31)]
    assert items["weight"].astype(float).tolist() == WEIGHTS
    others = ITEMS["METRICS"]["number"][ITEMS["METRICS"]["weight"] == ""]
    assert others.tolist() == [f"Condition {n}" for n in range(1, 6)]
    assert ITEMS["METRICS"]["section"].nunique() == 9


def test_items_of_metrics_hang_on_their_conditions():
    found = {row.number: row.condition for row in ITEMS["METRICS"].itertuples() if row.condition}
    tabular = dict.fromkeys(("14", "15", "16"), "Condition 4")
    segmented = {"8": "Condition 1", "9": "Condition 1, Condition 2", "10": "Condition 1"}
    assert found == {**segmented, "12": "Condition 3", **tabular, "17": "Condition 5"}


def test_tripod_ai_has_its_27_items_with_sub_items_and_applicability():
    items = ITEMS["TRIPOD+AI"].set_index("number")["applies"]
    assert items.index.tolist() == TRIPOD.split()
    assert {number.rstrip("abcdefg") for number in items.index} == {str(n) for n in range(1, 28)}
    assert set(items.index[items == "D"]) == DEVELOPMENT and set(items.index[items == "E"]) == EVALUATION
    assert set(items) == {"D", "E", "D;E"}


def test_every_topic_of_the_lists_has_a_function_and_every_function_an_item():
    named = {topic for items in ITEMS.values() for topic in items["topic"] if topic}
    assert named == set(TOPICS)
    assert set(JUDGES) <= set(ITEMS["METRICS"]["number"])


# Filling ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("study", ["binary", "survival", "given"])
@pytest.mark.parametrize("name", LISTS)
def test_every_item_of_every_study_has_a_status_and_files_that_exist(study, name, request):
    results = request.getfixturevalue(study)
    table = filled_checklist(name, ITEMS[name], results)
    assert table["number"].tolist() == ITEMS[name]["number"].tolist()
    assert set(table["status"]) <= set(STATUSES) and (table["answer"] != "").all()
    assert (table[table["status"] == "answered"]["for the authors"] == "").all()
    assert (table[table["status"].isin(["partly", "to be answered"])]["for the authors"] != "").all()
    known = set(pathlike(results.files)) | set(results.provenance.get("results", {}))
    assert {path for cell in table["files"] for path in cell.split("; ") if path} <= known
    assert not table["answer"].str.contains(r"\bnan\b|None|\[|  |[^.]\.\.(?!\.)", regex=True).any()


def pathlike(files):
    for value in files.values():
        if isinstance(value, dict):
            yield from pathlike(value)
        elif isinstance(value, list):
            yield from value
        elif value:
            yield value


@pytest.mark.parametrize("study", ["binary", "survival"])
@pytest.mark.parametrize("name", LISTS)
def test_what_only_authors_know_is_open(study, name, request):
    table = filled(name, request.getfixturevalue(study))
    assert set(table.loc[OF_AUTHORS[name].split(), "answer"]) == {"To be answered by the authors."}


@pytest.mark.parametrize("name", LISTS)
def test_questions_about_images_are_open_where_features_were_given(name, given):
    table = filled(name, given)
    numbers = IMAGE_ITEMS[name].split()
    assert not (table.loc[numbers, "status"] == "answered").any()
    if name == "METRICS":
        assert set(table.loc[[*numbers, "Condition 1", "Condition 3"], "credit"]) == {"open"}


def test_items_of_evaluation_do_not_apply_without_other_patients(tmp_path):
    alone = results_of(tmp_path, cohorts=("train", "train_cv"))
    table = filled("TRIPOD+AI", alone)
    assert set(table.index[table["status"] == "not applicable"]) == EVALUATION
    metrics = filled("METRICS", alone)
    assert metrics.loc[["26", "27"], "credit"].tolist() == ["no", "no"]
    assert metrics.loc["18", "credit"] == "open"
    assert "no other patients to test on" in filled("CLEAR", alone).loc["38", "for the authors"]


def test_the_script_writes_what_the_library_fills(binary, tmp_path):
    settings = {**example_settings(), "files": binary.files}
    write_json(tmp_path / "settings.json", settings)
    lists = [str(ROOT / f"workflow/report/checklists/{name}.tsv") for name in LISTS]
    tables = [str(tmp_path / f"{name}.csv") for name in LISTS]
    script = [sys.executable, str(ROOT / "scripts/write_checklists.py"), "--settings", str(tmp_path / "settings.json")]
    subprocess.run([*script, "--lists", *lists, "--tables", *tables], check=True)
    stored = load_results(read_json(tmp_path / "settings.json"), binary.files)
    for name, path in zip(LISTS, tables, strict=True):
        found = pd.read_csv(path, dtype=str, keep_default_na=False)
        pd.testing.assert_frame_equal(found, filled_checklist(name, ITEMS[name], stored))


def test_a_study_of_clinical_models_has_no_answer_on_features(binary):
    models = {name: {**model, "signatures": []} for name, model in binary.config["models"].items()}
    config = {**binary.config, "signatures": {}, "models": models}
    clinical = replace(binary, signatures={}, icc=None, config=config, orders={**binary.orders, "signatures": []})
    table = filled("CLEAR", clinical)
    assert set(table.loc[["27", "33", "46"], "status"]) == {"to be answered"}
    assert "not compared as one with radiomics" in table.loc["48", "answer"]
    assert filled("METRICS", clinical).loc[["14", "15", "24"], "credit"].tolist() == ["open", "open", "no"]
    assert filled("TRIPOD+AI", clinical).loc["9a", "answer"] == "Candidates: clinical: age and sex."


# Stored numbers ---------------------------------------------------------------------------------------------------


def with_row(table, condition, **values):
    changed = table.copy()
    changed.loc[changed.eval(condition), list(values)] = list(values.values())
    return changed


def with_tables(results, kind, name, **tables):
    every = getattr(results, kind)
    return replace(results, **{kind: {**every, name: {**every[name], **tables}}})


def other_auc(results):
    where = "model == 'combined' and cohort == 'external' and metric == 'auc'"
    return replace(results, metrics=with_row(results.metrics, where, estimate=0.777))


def other_difference(results):
    where = "model == 'combined' and cohort == 'external'"
    return replace(results, comparisons=with_row(results.comparisons, where, difference=0.432))


def other_flow(results):
    return replace(results, flow=with_row(results.flow, "step == 'screened'", patients=987))


def other_icc(results):
    return replace(results, icc=results.icc.assign(icc_inter=0.345))


def other_funnel(results):
    funnel = results.signatures["tumour"]["funnel"]
    return with_tables(results, "signatures", "tumour", funnel=with_row(funnel, "step == 'extracted'", features=4321))


def other_feature(results):
    table = results.signatures["tumour"]["coefficients"].assign(coefficient=0.9876)
    return with_tables(results, "signatures", "tumour", coefficients=table)


def other_coefficient(results):
    table = results.models["combined"]["coefficients"].assign(coefficient=0.5678)
    return with_tables(results, "models", "combined", coefficients=table)


def other_cutoff(results):
    cut = {**results.models["combined"]["cutoff"], "threshold": 0.654}
    return with_tables(results, "models", "combined", cutoff=cut)


def other_volume(results):
    return replace(
        results, statistics={**results.statistics, "volume": results.statistics["volume"].assign(estimate=0.612)}
    )


def other_ages(results):
    return replace(results, patients=results.patients.assign(age=None))


def other_scan(results):
    return replace(results, quality=results.quality.assign(usable="False"))


def other_leakage(results):
    return replace(results, leakage={"checked": {"model combined": 38}, "training": 38})


@pytest.mark.parametrize(
    ("change", "places", "words"),
    [
        (other_auc, ["CLEAR 2", "CLEAR 40", "CLEAR 47", "METRICS 20", "METRICS 21", "TRIPOD+AI 23a"], "0.78 ("),
        (other_difference, ["CLEAR 48", "METRICS 24"], "external validation 0.43 ("),
        (other_flow, ["CLEAR 11", "CLEAR 45", "METRICS 2", "TRIPOD+AI 20a"], "987 screened"),
        (other_icc, ["CLEAR 31", "METRICS 14"], "median 0.34"),
        (other_funnel, ["CLEAR 27", "CLEAR 33", "METRICS 15", "TRIPOD+AI 9a"], "4,321"),
        (other_feature, ["CLEAR 46"], "0.9876"),
        (other_coefficient, ["TRIPOD+AI 22"], "0.5678"),
        (other_cutoff, ["CLEAR 41", "TRIPOD+AI 15"], "0.65"),
        (other_volume, ["CLEAR 36", "METRICS 19"], "0.61 ("),
        (other_ages, ["CLEAR 29", "TRIPOD+AI 11"], "age 71"),
        (other_scan, ["CLEAR 16", "METRICS 6"], "T1: 72 scans, 0 usable"),
        (other_leakage, ["CLEAR 15", "METRICS 18", "TRIPOD+AI 12a"], "outside the 38 used"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_answers_quote_the_stored_numbers(change, places, words, binary):
    changed = change(binary)
    for place in places:
        name, number = place.split(" ")
        assert words not in answer(name, number, binary), place
        assert words in answer(name, number, changed), place


def test_survival_answers_quote_c_the_sample_size_the_tests_and_the_slopes(survival):
    row = survival.metric("combined", "external", "c_harrell")
    assert "C-index of Combined: training" in answer("CLEAR", "47", survival)
    assert f"external validation {row['estimate']:.2f} ({row['ci_low']:.2f} to" in answer("CLEAR", "47", survival)
    assert "true positives" not in answer("CLEAR", "47", survival)
    sizes = survival.statistics["sample_size"].set_index("model").loc["combined"]
    assert f"{sizes['needed_for_candidates']:,.0f} for all candidates" in answer("CLEAR", "9", survival)
    tests = survival.statistics["table_one_tests"].query("part == 'cohort' and variable == 'age'")
    assert f"age p = {tests['p'].iloc[0]:.3f}" in answer("TRIPOD+AI", "20c", survival)
    where = "model == 'combined' and cohort == 'external' and metric == 'slope' and horizon == 24"
    slope = survival.statistics["calibration"].query(where)["estimate"].iloc[0]
    assert f"slope {slope:.2f} (" in answer("METRICS", "22", survival)
    assert "by 24 months" in answer("METRICS", "22", survival)
    assert "reverse Kaplan-Meier" in answer("TRIPOD+AI", "20a", survival)


def test_the_commit_and_the_hash_of_the_headline_model_are_told(binary):
    assert "commit c0ffee" in answer("CLEAR", "56", binary)
    table = filled("CLEAR", binary)
    assert f"headline model: SHA-256 {'c' * 64}." in table.loc["57", "answer"]
    assert table.loc["57", "files"] == "results/demo/train/combined/model.skops"
    assert table.loc["58", "status"] == "to be answered"


def test_a_bundle_stands_for_the_models(binary):
    path = "results/demo/model/bundle.zip"
    record = {**binary.provenance, "results": {**binary.provenance["results"], path: "b" * 64}}
    bundled = replace(binary, files={**binary.files, "bundle": path}, provenance=record)
    table = filled("CLEAR", bundled)
    assert f"SHA-256 {'b' * 64}." in table.loc["57", "answer"] and table.loc["57", "files"] == path
    assert "make apply" in table.loc["58", "answer"]
    assert "outside the ranges of the training patients" in answer("TRIPOD+AI", "27a", bundled)


def test_the_confusion_matrix_follows_from_the_stored_counts(binary):
    found = {name: binary.metric("combined", "internal", name) for name in ("sensitivity", "specificity")}
    right, spared = (int(found[name]["k"]) for name in ("sensitivity", "specificity"))
    words = (
        f"true positives {right}, false negatives {7 - right}, true negatives {spared}, false positives {7 - spared}"
    )
    assert words in answer("CLEAR", "47", binary)


def test_every_model_with_features_is_set_against_the_reference(binary):
    row = binary.comparison("expansion", "external")
    words = f"Radiomics (expansion) {row['difference']:.2f} ("
    assert words in answer("CLEAR", "48", binary).replace("\N{MINUS SIGN}", "-")


def test_weighed_classes_and_estimated_batches_are_told(binary):
    models = {
        **binary.config["models"],
        "combined": {**binary.config["models"]["combined"], "estimator": "random_forest"},
    }
    harmonise = {**binary.config["harmonise"], "method": "combat"}
    other = replace(binary, config={**binary.config, "models": models, "harmonise": harmonise})
    assert "no model weighed them" in answer("TRIPOD+AI", "13", binary)
    assert "weighed alike in the fits of Combined" in answer("TRIPOD+AI", "13", other)
    assert "of these was learnt: nothing." in answer("TRIPOD+AI", "12g", binary)
    assert "batch effects of batches without training patients" in answer("TRIPOD+AI", "12g", other)
    assert "entered the models linearly" not in answer("CLEAR", "32", other)


# The METRICS score ------------------------------------------------------------------------------------------------


def test_the_range_of_the_score_by_hand():
    low, high = score_range([2, 3, 4, 1], ["yes", "no", "open", "not applicable"])
    assert (low, high) == (pytest.approx(100 * 2 / 9), pytest.approx(100 * 6 / 9))


def test_an_item_is_open_while_its_condition_is_and_drops_out_when_it_is_not_met():
    known = {"Condition 1": "yes", "Condition 2": "open", "Condition 5": "no"}
    assert [applies(c, known) for c in ("", "Condition 1", "Condition 1, Condition 2", "Condition 5")] == [
        "yes",
        "yes",
        "open",
        "no",
    ]


def test_the_score_of_a_study_is_the_sum_of_its_credits(survival):
    table = filled("METRICS", survival)
    assert table.loc["17", "credit"] == "not applicable" and table.loc["9", "credit"] == "open"
    yes = sum(weight for weight, credit in zip(WEIGHTS, credits_of(table), strict=True) if credit == "yes")
    no = sum(weight for weight, credit in zip(WEIGHTS, credits_of(table), strict=True) if credit == "no")
    whole = sum(WEIGHTS) - WEIGHTS[16]
    assert metrics_score(table.reset_index()) == (
        pytest.approx(100 * yes / whole),
        pytest.approx(100 * (1 - no / whole)),
    )


def credits_of(table):
    return table.loc[[str(n) for n in range(1, 31)], "credit"].tolist()


def changed_config(results, section, **values):
    return replace(results, config={**results.config, section: {**results.config[section], **values}})


def signature_with(results, steps):
    changed = {name: {**chosen, "steps": steps} for name, chosen in results.config["signatures"].items()}
    return replace(results, config={**results.config, "signatures": changed})


def test_metrics_credits_follow_the_study(binary, survival):
    def credit(number, results):
        return verdict(number, results)[0]

    assert credit("4", binary) == "yes"
    assert credit("4", replace(binary, patients=binary.patients.assign(site="A"))) == "open"
    assert credit("4", survival) == "open"
    assert credit("14", binary) == "yes" and credit("14", survival) == "no"
    unread = binary.icc.assign(n_inter=0, n_intra=0)
    assert credit("14", replace(binary, icc=unread)) == "open"
    assert credit("15", binary) == "yes" and credit("15", signature_with(binary, [{"zscore": {}}])) == "no"
    assert credit("18", binary) == "open" and credit("18", changed_config(binary, "split", method="random")) == "yes"
    assert (
        credit("19", binary) == "open" and credit("19", changed_config(binary, "harmonise", method="combat")) == "yes"
    )
    assert credit("22", binary) == "no" and credit("22", survival) == "yes"
    assert credit("23", binary) == "no" and credit("23", survival) == "yes"
    assert credit("24", binary) == "yes" and credit("24", replace(binary, reference="radiomics")) == "no"
    assert credit("25", binary) == "open"


def test_enough_patients_for_all_candidates_credit_the_dimension(survival):
    sizes = survival.statistics["sample_size"]
    few, enough = sizes.assign(needed_for_candidates=61), sizes.assign(needed_for_candidates=60)
    for table, expected in ((few, "open"), (enough, "yes")):
        assert verdict("16", replace(survival, statistics={**survival.statistics, "sample_size": table}))[0] == expected


# The report -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("study", ["binary", "survival"])
def test_the_report_counts_the_items_and_offers_the_lists(study, request, tmp_path):
    results = request.getfixturevalue(study)
    paths = {name: tmp_path / f"{name}.csv" for name in LISTS}
    tables = {name: filled_checklist(name, ITEMS[name], results) for name in LISTS}
    for name, path in paths.items():
        write_table(path, tables[name])
    page = Page(report_page(replace(results, files={**results.files, "checklists": paths}), PARTS))
    for name in LISTS:
        assert sum(counts(tables[name]).values()) == {"CLEAR": 58, "METRICS": 30, "TRIPOD+AI": 52}[name]
        assert " ".join(str(n) for n in counts(tables[name]).values()) in page.text
    low, high = metrics_score(pd.read_csv(paths["METRICS"], dtype=str, keep_default_na=False))
    assert f"METRICS score: between {low:.1f} and {high:.1f} %" in page.text
    assert {f"{name}.csv" for name in LISTS} <= {a.get("download") for a in page.attributes("a")}
    sections = {a["id"] for a in page.attributes("section")}
    named = {cell.partition("#")[2] for table in tables.values() for cell in table["report"] if cell}
    assert named <= sections


def test_a_report_without_filled_lists_has_no_such_section(binary):
    assert 'id="checklists"' not in report_page(binary, PARTS)


def test_deep_features_stand_beside_the_hand_crafted_ones_in_the_answers(binary):
    name = next(iter(binary.config["signatures"]))
    asking = {**binary.config["signatures"][name], "regions": ["tumour", "deep"]}
    config = {**binary.config, "signatures": {**binary.config["signatures"], name: asking}}
    deep = replace(binary, config=config)
    words = "EfficientNet-Lite0 trained on photographs (ImageNet)"
    assert [words in TOPICS["extraction"](results).text for results in (binary, deep)] == [False, True]
    reasons = [verdict("Condition 3", results) for results in (binary, deep)]
    assert reasons[0] == ("yes", "All features are hand-crafted.")
    assert reasons[1] == ("yes", "Hand-crafted features, and features of a pretrained network beside them.")
