"""The page on patients to whom the models of a bundle were applied says what its tables say."""

import pandas as pd
import pytest
from test_bundle_needs import RANGES, SURVIVAL_CLINICAL
from test_report import PARTS, Page

from browser import in_browser
from habitat_radiomics.application_warnings import COLUMNS, RANGE_COLUMNS
from habitat_radiomics.bundle import Bundle
from habitat_radiomics.bundle_config import kept_config
from habitat_radiomics.bundle_needs import needs_of
from habitat_radiomics.recalibration import recalibration_tables
from habitat_radiomics.report_application import application_page, load_application
from habitat_radiomics.state import as_json
from survival_tables import survival_config, survival_study, write_survival_study

DIGEST = "0f" * 32
JUDGED = ("metrics", "model_table", "comparisons", "calibration", "risk_groups", "at_horizons")
DRAWN = ("kaplan_meier", "subgroups", "time_auc", "prediction_error", "survival_calibration", "survival_decision")


def warnings():
    rows = [
        ("", "note", "version", "numpy", "2.1", "2.0", None, "numpy is 2.1 here and was 2.0 in the study."),
        ("P060", "refused", "not_predicted", "sequence missing", "", "", None, "P060 is not predicted: has no T1."),
        ("P061", "warning", "feature_range", "Combined", "1 of 1", "", 2.5, "1 of 1 features lie outside."),
        ("P061", "warning", "clinical_missing", "age", "missing", "", None, "Age is missing; 60 stands in."),
        ("P063", "warning", "trained_on", "", "", "", None, "The identifier is that of a training patient."),
        ("P062", "note", "intensity", "T1", "3", "1 to 2", 4.0, "T1: median intensity is 3."),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def csv(folder, name, table):
    path = folder / f"{name}.csv"
    table.to_csv(path, index=False)
    return str(path)


def load(folder, *, judges=True, outcomes=40):
    """The external patients of the made-up survival study as those of another centre."""
    config = {**survival_config(), "study": "there"}
    stored = write_survival_study(folder)
    external = {name: t.query("cohort == 'external'") for name, t in survival_study()[1].items()}
    updates = recalibration_tables(external, level=0.95, groups=10)
    names = ("coefficients", "risks", "measures")
    judged = {name: stored[name] for name in JUDGED}
    judged |= {f"recalibrated_{n}": csv(folder, n, t) for n, t in zip(names, updates, strict=True)}
    outside = pd.DataFrame(
        [("P061", "combined", "tumour", "T1|tumour|original_glcm_Contrast", 9.0, 1.0, 4.0, 2.5)], columns=RANGE_COLUMNS
    )
    predicted = {name: t.drop(columns=["cohort", "time", "event"]) for name, t in external.items()}
    files = {
        **{name: stored[name] for name in ("patients", "flow", "quality", "models")},
        "predictions": {name: csv(folder, f"predicted_{name}", table) for name, table in predicted.items()},
        "warnings": csv(folder, "warnings", warnings()),
        "outside": csv(folder, "outside", outside),
        "habitats": {},
        "nested": {},
        "judged": judged if judges else {},
        "figures": {
            **({name: stored["figures"][name] for name in DRAWN} if judges else {}),
            **{"montage": {}, "regions": stored["figures"]["regions"]},
        },
    }
    orders = {name: list(config[name]) for name in ("sequences", "clinical", "habitats", "signatures", "models")}
    settings = {"config": config, "orders": orders, "cohorts": ["external"], "reference": "clinical"}
    settings |= {"headline": "combined", "screened": 41, "judges": judges, "outcomes": outcomes, "files": files}
    needs = needs_of(kept_config(config), {**RANGES, "clinical": SURVIVAL_CLINICAL})
    manifest = {"study": "home", "version": 1, "files": {"a": "1"}, "versions": {"numpy": "2.0"}}
    return load_application(settings, Bundle(manifest, {"needs.json": as_json(needs).encode()}), DIGEST)


@pytest.fixture(scope="module")
def application(tmp_path_factory):
    return load(tmp_path_factory.mktemp("applied"))


@pytest.fixture(scope="module")
def text(application):
    return Page(application_page(application, PARTS)).text.replace("\N{NO-BREAK SPACE}", " ")


def test_the_page_begins_with_who_was_predicted_and_how_well(application, text):
    assert "40 of 41 patients were predicted by the models of the study home, which were fitted on 30 patients" in text
    assert "Of the patients, 1 have identifiers of training patients. If they are the same persons, this is no" in text
    row = application.results.metric("combined", "external", "c_harrell")
    assert f"the model Combined reached a C-index of {row['estimate']:.2f}" in text
    assert "Read these numbers with the warnings and notes below" in text


def test_every_patient_stands_with_risks_group_and_number_of_warnings(application, text):
    for name, predictions in application.predictions.items():
        for row in predictions.head(5).itertuples():
            assert f"{100 * row.risk_12:.1f} % ({row.group} risk)" in text and f"{100 * row.risk_24:.1f} %" in text, (
                name
            )


def test_refusals_warnings_and_what_concerns_all_are_on_the_page(text):
    for words in warnings()["message"]:
        assert words in text
    assert "Patients that are not predicted (1)" in text and "Warnings and notes (4)" in text
    assert "Features outside the range of the training patients, or missing (1)" in text


def test_recalibration_stands_beside_the_models_as_they_came_and_says_whom_it_was_fitted_on(application, text):
    assert "Recalibrated figures are fitted on the very patients they are shown for" in text
    for words in ("As it came", "Intercept updated", "Intercept and slope updated"):
        assert words in text
    updates = application.results.statistics["recalibrated_coefficients"]
    slope = updates.query("model == 'combined' and update == 'slope' and horizon == 12")["slope"].iloc[0]
    assert f"{slope:.3f}" in text


def test_the_bundle_is_named_by_its_digest_with_what_it_needs(text):
    assert DIGEST in text and "Models of the study home, to be applied to new patients" in text


def test_without_outcomes_nothing_is_said_of_performance(tmp_path):
    application = load(tmp_path, judges=False, outcomes=0)
    text = Page(application_page(application, PARTS)).text
    assert "Their outcomes are not known" in text
    assert "Recalibration" not in text and "Calibration" not in text and "C-index" not in text
    few = Page(application_page(load(tmp_path, judges=False, outcomes=7), PARTS)).text
    assert "7 outcomes are known: too few, or all alike, to validate the models" in few


def test_the_page_loads_nothing_from_elsewhere_and_names_its_parts(application):
    html = application_page(application, PARTS)
    assert "http://" not in html.replace("http://www.w3.org", "") and 'src="http' not in html
    assert all(f'<a href="#{name}">' in html for name in ("predictions", "warnings", "recalibration", "bundle"))


@pytest.mark.parametrize("size", [(1280, 900), (375, 800)], ids=["desktop", "phone"])
def test_in_a_browser_the_page_asks_for_nothing_fits_the_window_and_sorts_its_warnings(application, tmp_path, size):
    script = """
    const asked = performance.getEntriesByType("resource").map((e) => e.name).filter((n) => !n.startsWith("data:"));
    const root = document.scrollingElement;
    const tables = Array.from(document.querySelectorAll("main table"));
    const table = tables.find((t) => t.caption.textContent.startsWith("Warnings and notes"));
    const first = () => Array.from(table.tBodies[0].rows).map((row) => row.cells[0].textContent);
    const button = table.tHead.rows[0].cells[0].querySelector("button");
    button.click(); button.click();
    return {asked: asked, wide: root.scrollWidth - root.clientWidth, sorted: first(),
            broken: Array.from(document.images).filter((i) => !i.complete || !i.naturalWidth).length};
    """
    answer, console = in_browser(application_page(application, PARTS), script, tmp_path, size=size)
    assert answer == {"asked": [], "wide": 0, "sorted": ["P063", "P062", "P061", "P061"], "broken": 0}
    assert console == []
