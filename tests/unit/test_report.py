"""The report page: what it says, that it says it from the stored tables, and that it stands alone."""

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from example_results import (
    ROOT,
    example_config,
    example_provenance,
    example_settings,
    write_example,
    write_placeholders,
)
from habitat_radiomics.entry import write_json
from habitat_radiomics.report import caption_reader, read_parts, report_page, rst_to_html
from habitat_radiomics.report_habitats import habitats_section, learning_sentence
from habitat_radiomics.report_sections import (
    audit_sentence,
    candidates_table,
    headline,
    metric_cell,
    p_text,
    score_formula,
)
from habitat_radiomics.results import load_results

PARTS = read_parts(path for path in sorted((ROOT / "workflow/report").iterdir()) if path.is_file())
ALL = ("train", "train_cv", "internal", "external")


class Page(HTMLParser):
    """Tags, identifiers, addresses and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words)).replace(" )", ")")

    def attributes(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def results_of(folder, *, config=None, cohorts=ALL, icc=True, empty=()):
    config = config or example_config()
    sizes = {"train": 40, "internal": 14, "external": 18}
    sizes = {name: sizes[name] for name in cohorts if name in sizes}
    files = write_example(folder, sizes=sizes, config=config, empty=empty)
    files["figures"] = write_placeholders(folder, config, cohorts)
    files["provenance"] = str(folder / "provenance.json")
    write_json(files["provenance"], example_provenance())
    if not icc:
        files["icc"] = None
    return load_results(example_settings(config, cohorts=cohorts), files)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return results_of(tmp_path_factory.mktemp("study"), empty=("peritumour",))


@pytest.fixture(scope="module")
def html(results):
    return report_page(results, PARTS)


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_the_page_loads_nothing_from_anywhere(html, page):
    outside = re.sub(r'"data:[^"]*"', '""', html)
    assert not re.search(r"https?:|//[a-z]", outside.replace("<!--", ""))
    addresses = [a.get("src") or a.get("href") for _, a in page.tags if a.get("src") or a.get("href")]
    assert [address for address in addresses if not address.startswith(("data:", "#"))] == ["../review/index.html"]
    assert "default-src 'none'" in html


def test_every_number_of_the_metrics_table_is_on_the_page(results, page):
    for row in results.metrics.itertuples():
        counts = "" if row.metric == "auc" else f"{row.k:.0f}/{row.n}; "
        assert f"{row.estimate:.2f} ({counts}{row.ci_low:.2f} to {row.ci_high:.2f})" in page.text


def test_the_summary_names_the_external_cohort_and_the_test_against_the_reference(results, page):
    row, test = results.metric("combined", "external", "auc"), results.comparison("combined", "external")
    assert (
        f"In 18 patients (external validation), 9 of them with progression within the follow-up, the model Combined "
        f"reached an AUC of {row['estimate']:.2f} (95 % CI {row['ci_low']:.2f} to {row['ci_high']:.2f})."
    ) in page.text
    assert f"Its AUC was {test['difference']:.2f} higher than that of the model Clinical" in page.text
    assert "p = 0.031, DeLong's paired test" in page.text


@pytest.mark.parametrize(
    ("cohorts", "expected"),
    [
        (("train", "train_cv", "internal"), "(internal validation)"),
        (("train", "train_cv"), "by cross-validation of the whole chain"),
    ],
)
def test_without_external_patients_the_next_honest_cohort_leads(tmp_path, cohorts, expected):
    summary = headline(results_of(tmp_path, cohorts=cohorts))
    assert expected in summary["sentences"][0]
    assert [card["main"] for card in summary["cards"]] == [False] * (len(cohorts) - 1) + [True]


def test_every_picture_has_a_text_and_every_table_a_caption(page):
    assert all(len(image["alt"]) > 20 for image in page.attributes("img"))
    assert len(page.attributes("caption")) == len(page.attributes("table"))
    assert all(cell.get("scope") for cell in page.attributes("th"))


def test_the_contents_lead_to_every_section(page):
    targets = [link["href"][1:] for link in page.attributes("a") if link.get("href", "").startswith("#")]
    sections = [section["id"] for section in page.attributes("section")]
    assert len(sections) == len(set(sections)) == 11
    assert set(targets) == set(sections)


def test_sections_without_content_are_left_out(tmp_path):
    page = Page(report_page(results_of(tmp_path, cohorts=("train", "train_cv"), icc=False), PARTS))
    assert "reproducibility" not in [section["id"] for section in page.attributes("section")]
    assert "Internal validation" not in page.text


def test_names_are_shown_as_text_never_as_markup(tmp_path):
    config = example_config(report={"title": "<script>alert(1)</script> & more"})
    html = report_page(results_of(tmp_path, config=config), PARTS)
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in html


def test_equal_results_give_equal_bytes_without_paths(results, html, tmp_path):
    assert report_page(results_of(tmp_path, empty=("peritumour",)), PARTS) == html
    for content in [
        html,
        *(base64.b64decode(code).decode() for code in re.findall(r"data:text/csv;base64,([^\"]*)", html)),
    ]:
        assert str(tmp_path) not in content
        assert "/tmp" not in content


def test_a_stored_table_is_offered_byte_for_byte(results, page):
    links = {link.get("download"): link.get("href") for link in page.attributes("a")}
    assert base64.b64decode(links["metrics.csv"].split(",")[1]) == Path(results.files["metrics"]).read_bytes()


def test_the_page_says_how_many_fitted_objects_saw_training_patients_only(page):
    assert "10 fitted objects were checked; all saw training patients only (39 patients each)." in page.text


def test_the_habitats_are_named_with_centre_share_and_how_their_number_was_chosen(results, page):
    median = results.habitats["habitat"]["shares"]["habitat3"].median()
    assert f"habitat3 high 150 {100 * median:.0f} % (" in page.text
    assert "Their number, 3, was chosen by BIC among 1 to 6." in page.text
    assert learning_sentence({**results.habitats["habitat"]["artifact"], "selection": None}).endswith(
        "Their number, 3, was given. They explain 87\N{NO-BREAK SPACE}% of the variance."
    )


def test_the_stability_of_habitats_and_their_features_is_given_by_change(results, page):
    tables = results.habitats["habitat"]
    noise = tables["stability"].query("perturbation == 'noise'").set_index(["measure", "habitat"])["value"].sort_index()
    features = tables["features"][tables["features"]["feature"].str.contains("habitat3")]
    last = features.loc[features["perturbation"] == "noise", "icc"].median()
    dice, rand = noise.loc["dice", "1"].median(), noise.loc["ari", "all"].median()
    found = re.search(r"noise ([\d.]+) [\d.]+ [\d.]+ ([\d.]+) [\d.]+ [\d.]+ ([\d.]+)", page.text).groups()
    assert found == (f"{dice:.2f}", f"{rand:.2f}", f"{last:.2f}")
    assert "medians over 5 training patients" in page.text


def test_a_study_without_habitats_has_no_section_of_them(results):
    orders = {**results.orders, "habitats": []}
    assert habitats_section(replace(results, orders=orders), None) is None


def test_the_page_says_how_many_numbers_were_derived_again():
    assert audit_sentence(None) is None
    assert "1,271 checks, all passed" in audit_sentence(pd.DataFrame(index=range(1271)))["text"]


def test_the_page_says_how_many_scans_the_reference_engine_extracted_again_and_how_much_differed(results, page):
    scans = len(results.quality)
    assert f"Features of 2 of {scans} scans (6,780 values) were extracted again by PyRadiomics" in page.text
    assert "the largest relative difference was 2e-13 (allowed: 1e-06)" in page.text


def test_excluded_patients_are_listed_with_their_reason(page):
    assert "P002 Training the tumour mask has no voxel. Check the drawing." in page.text
    assert "P073 – column is empty." in page.text


def test_the_score_is_written_out_with_sign_and_standardisation(results):
    terms = score_formula(results, "tumour")["terms"]
    table = results.signatures["tumour"]["coefficients"]
    assert terms[0] == "−0.2100"
    assert len(terms) == len(table)
    sign = "−" if table["coefficient"][1] < 0 else "+"
    assert terms[1].startswith(f"{sign} {abs(table['coefficient'][1]):#.4g} × z(T1 tumour, original, ")


def test_a_signature_without_features_is_named_as_such(page):
    assert "No feature was selected: the score is the same for every patient." in page.text


def test_odds_ratios_have_words_units_and_reference_levels(page):
    assert re.search(r"Score Tumour −?\d\.\d+ \d\.\d\d \(\d\.\d\d to \d\.\d\d\)", page.text)
    assert "age (years) " in page.text
    assert "sex: M against F" in page.text
    assert "Combined: Firth, high risk above 0.12 (log odds)" in page.text


def test_what_could_not_be_estimated_is_said_in_words():
    row = pd.Series(
        {"estimate": float("nan"), "ci_low": float("nan"), "ci_high": float("nan"), "k": float("nan"), "n": 9}
    )
    assert metric_cell(row) == ("–", "not estimable")
    assert metric_cell(None) == ("–", "not estimable")
    assert [p_text(0.2), p_text(1e-9)] == ["p = 0.200", "p < 0.001"]


def test_captions_are_the_texts_that_snakemake_shows_too():
    caption = caption_reader(PARTS)
    assert "Patients of the external cohort" in caption("roc", cohort="external")
    assert "Apparent performance" in caption("roc", cohort="train")
    assert "fitted without the patient" in caption("roc", cohort="train_cv")


def test_captions_can_neither_include_files_nor_carry_markup():
    assert "<script>" not in rst_to_html(".. raw:: html\n\n   <script>alert(1)</script>\n")
    assert "root:" not in rst_to_html(".. include:: /etc/passwd\n")
    assert "<em>slope</em> &lt; 1" in rst_to_html("*slope* < 1")


def test_a_machine_lists_its_inputs_and_says_that_it_has_no_coefficients(results):
    inputs = ["tumour/T1|tumour|a", "tumour/T1|tumour|b", "age", "sex=M"]
    empty = dict.fromkeys(("coefficient", "odds_ratio", "odds_ratio_low", "odds_ratio_high", "p_wald"), np.nan)
    table = pd.DataFrame({"predictor": inputs, **empty, "method": "support vector machine"})
    config = {**results.config, "models": {name: dict(m) for name, m in results.config["models"].items()}}
    config["models"]["combined"]["estimator"] = "svm"
    models = {**results.models, "combined": {**results.models["combined"], "coefficients": table}}
    text = Page(report_page(replace(results, models=models, config=config), PARTS)).text
    assert "Combined: support vector machine, high risk above 0.12 (decision value)" in text
    assert "Inputs: 2 features of Tumour" in text
    assert "no coefficients" in text


def test_candidates_of_the_best_of_several_are_shown_with_the_choice(results):
    candidates = pd.DataFrame(
        {
            "signature": ["tumour", "peritumour"],
            "auc": [0.71, 0.64],
            "ci_low": [0.55, 0.47],
            "ci_high": [0.87, 0.81],
            "n": 40,
            "events": 20,
            "chosen": [True, False],
        }
    )
    path = results.files["signatures"]["tumour"]["coefficients"]
    files = {**results.files, "signatures": {"tumour": {"candidates": path}}}
    signatures = {"tumour": {**results.signatures["tumour"], "candidates": candidates}}
    block = candidates_table(replace(results, signatures=signatures, files=files), "tumour")
    assert block["title"] == "Candidates for Tumour: 40 training patients, 20 events"
    assert [row[-1][0] for row in block["rows"]] == ["yes", "no"]
    assert candidates_table(results, "tumour") is None
