"""Answers to checklist items on patients, outcome, cohorts and their sizes."""

from habitat_radiomics.checklist_answers import (
    Answer,
    cohort_words,
    included,
    listed,
    measured,
    of_headline,
    sizes_text,
    validation_cohorts,
)
from habitat_radiomics.config import signature_steps
from habitat_radiomics.labels import count, missing, number, percent
from habitat_radiomics.methods_text import patients_text
from habitat_radiomics.outcome_settings import outcome_columns
from habitat_radiomics.report_patients import COHORT_TITLES
from habitat_radiomics.report_survival import follow_up_sentence

WITHOUT_WEIGHTS = ("logistic", "svm", "cox", "knn")  # the other classifiers weigh the classes alike


def headline(results):
    """The result of the headline model in every cohort."""
    found = {cohort: measured(results, results.headline, cohort) for cohort in results.cohorts}
    parts = [f"{cohort_words(cohort)} {text}" for cohort, text in found.items() if text]
    if not parts:
        return None
    label = results.label("models", results.headline)
    text = f"{results.measure_label} of the model {label} for {results.outcome}: {'; '.join(parts)}."
    return Answer(text, (results.files["metrics"],), "summary")


def study_kind(results):
    """Development alone, or with evaluation on other patients."""
    cohorts = [cohort_words(cohort) for cohort in validation_cohorts(results)]
    kind = f"development and evaluation ({listed(cohorts)})" if cohorts else "development, with cross-validation only"
    return Answer(
        f"{kind.capitalize()} of {count(len(results.models))} models.", (results.files["metrics"],), "validation"
    )


def outcome(results):
    """The outcome as it was coded, with its frequency."""
    columns = listed(outcome_columns(results.config["outcome"]))
    horizons = results.config["outcome"]["horizons"]
    unit = results.config["outcome"]["unit"]
    until = f" Risks are predicted at {listed(f'{h:g}' for h in horizons)} {unit}." if horizons else ""
    text = f"{results.outcome} (column {columns} of the patients table). {sizes_text(results)}.{until}"
    return Answer(text, (results.files["patients"],), "cohort")


def split(results):
    """How the cohorts came about, their sizes, and the proof that fits saw training patients only."""
    sizes = results.leakage["checked"].values()
    text = (
        f"{patients_text(results.config)} {sizes_text(results)}. {count(len(sizes))} fitted objects were checked: none "
        f"saw a patient outside the {count(results.leakage['training'])} used for training."
    )
    return Answer(text, (results.files["flow"], results.files["leakage"]), "cohort")


def flow(results):
    """Screened, excluded and included patients, and the cohorts with events and follow-up."""
    totals = results.flow.groupby("step")["patients"].sum()
    reasons = results.flow[results.flow["step"] == "excluded"]
    lost = "; ".join(f"{count(row.patients)} {row.reason}" for row in reasons.itertuples())
    excluded = f", {count(totals['excluded'])} excluded ({lost})" if lost else ", none excluded"
    times = follow_up_sentence(results) if results.is_survival else None
    text = (
        f"{count(totals['screened'])} screened{excluded}, {count(totals['included'])} included. {sizes_text(results)}."
    )
    return Answer(text + (f" {times['text']}" if times else ""), (results.files["flow"],), "cohort")


def eligibility(results):
    """Whom the workflow left out."""
    entry = {
        "stop": "The workflow leaves nobody out: it stops where an outcome or a scan is missing or unusable.",
        "exclude": "The workflow left out patients without an outcome, a sequence or usable content.",
    }[results.config["data"]["incomplete_patients"]]
    return Answer(f"{entry} {_exclusions(results)}", (results.files["flow"], results.files["patients"]), "images")


def _exclusions(results):
    totals = results.flow.groupby("step")["patients"].sum()
    return f"{count(totals.get('excluded', 0))} of {count(totals['screened'])} screened patients were excluded."


def centres(results):
    """Centres of the included patients; None where the patients table names none."""
    people = included(results)
    if "site" not in people or people["site"].isna().all():
        return None
    counts = people["site"].value_counts().sort_index()
    found = "; ".join(f"{name} {count(n)} patients" for name, n in counts.items())
    column = results.config["split"]["site_column"]
    return Answer(f"Centres by column {column}: {found}.", (results.files["patients"],), "cohort")


def baseline(results):
    """Where characteristics by cohort and outcome are tabulated; None when they were not stored."""
    if results.statistics["table_one"] is None:
        return None
    names = listed(results.config["clinical"][name]["label"] or name for name in results.orders["clinical"])
    text = (
        f"{sizes_text(results)}. Tabulated by cohort, and within cohorts by outcome, with tests: {names or 'outcome'}."
    )
    return Answer(text, (results.files["table_one"], results.files["table_one_tests"]), "cohort")


def differences(results):
    """Tests of the training cohort against the validation cohorts; None without either."""
    tests = results.statistics["table_one_tests"]
    if tests is None or not validation_cohorts(results):
        return None
    rows = tests[tests["part"] == "cohort"] if "part" in tests else tests
    found = [f"{row.variable} p = {number(row.p, 3)}" for row in rows.itertuples() if not missing(row.p)]
    text = f"{sizes_text(results)}. Differences between cohorts: {'; '.join(found) or 'no test was possible'}."
    return Answer(text, (results.files["table_one"], results.files["table_one_tests"]), "cohort")


def class_balance(results):
    """Share of events by cohort, and whether classes were weighed."""
    rows = {cohort: results.metric(results.headline, cohort, results.measure) for cohort in COHORT_TITLES}
    shares = [
        f"{COHORT_TITLES[cohort].lower()} {count(row['events'])} of {count(row['n'])} "
        f"({percent(round(row['events'] / row['n'], 3))})"
        for cohort, row in rows.items()
        if row is not None
    ]
    return Answer(f"Events: {'; '.join(shares)}. {_weighing(results)}", (results.files["metrics"],), "validation")


def imbalance(results):
    """What was done against imbalance of the classes."""
    return Answer(_weighing(results))


def _weighing(results):
    """Whether patients were resampled (never) or classes weighed."""
    models = {name: results.config["models"][name]["estimator"] for name in results.orders["models"]}
    weighed = [results.label("models", name) for name, kind in models.items() if kind not in WITHOUT_WEIGHTS]
    start = "No patient was drawn again or made up to balance the classes"
    if not weighed:
        return f"{start}, and no model weighed them."
    return f"{start}. Classes weighed alike in the fits of {listed(weighed)}; probabilities were calibrated after."


def missing_data(results):
    """Missing clinical values and features, and how they were filled in."""
    people = included(results)
    gaps = {name: int(people[name].isna().sum()) for name in results.orders["clinical"] if name in people}
    parts = [f"{results.config['clinical'][name]['label'] or name} {count(n)}" for name, n in gaps.items()]
    clinical = (
        f"Clinical values missing of {count(len(people))} patients: {', '.join(parts)}; they took the training median "
        "or most frequent level. "
        if parts
        else ""
    )
    return Answer(
        f"{clinical}{_missing_features(results)}{_exclusions(results)}",
        (results.files["patients"], results.files["flow"]),
        "methods",
    )


def _missing_features(results):
    """The limits of the step that drops incomplete features; nothing where no signature has it."""
    limits = {
        settings["max_missing"]
        for name in results.config["signatures"]
        for entry in signature_steps(results.config, name)
        for step, settings in entry.items()
        if step == "complete"
    }
    if not limits:
        return ""
    shares = listed(percent(limit) for limit in sorted(limits))
    return f"Features missing in more than {shares} of the training patients were dropped, others took their median. "


def sample_size(results):
    """Patients and events for each parameter of the headline model, and the patients needed; None if not stored."""
    sizes = results.statistics["sample_size"]
    rows = None if sizes is None else sizes[sizes["model"] == results.headline]
    if rows is None or rows.empty:
        return None
    row, each = rows.iloc[0], "events" if results.is_survival else "patients of the rarer outcome"
    needed = [count(row[f"needed_for_{kind}"]) for kind in ("parameters", "candidates")]
    text = (
        f"{count(row['n'])} training patients, {count(row['events'])} events. The model "
        f"{results.label('models', results.headline)} has {count(row['parameters'])} parameters "
        f"({number(row['per_parameter'], 1)} {each} for each), from {count(row['candidates'])} candidates. By Riley's "
        f"criteria {needed[0]} patients are needed for the parameters and {needed[1]} for all candidates."
    )
    return Answer(text, (results.files["sample_size"],), "models")


def group_sizes(results):
    """Patients and events behind fits, tuning and evaluation."""
    folds = results.config["training"]["folds"]
    text = f"{sizes_text(results)}. Tuning and cross-validation ({folds} folds) used training patients alone."
    return Answer(text, (results.files["metrics"],), "validation")


def clinical_variables(results):
    """Clinical variables, their levels and the models that use them."""
    names = results.orders["clinical"]
    if not names:
        return Answer("No clinical variable was given.", missing="No predictor was compared with: say why.")
    parts = [_variable(name, results.config["clinical"][name]) for name in names]
    users = [results.label("models", m) for m in results.orders["models"] if results.config["models"][m]["clinical"]]
    return Answer(
        f"{'; '.join(parts)}. Used by: {listed(users) or 'no model'}.", (results.files["patients"],), "models"
    )


def _variable(name, variable):
    if variable["type"] == "category":
        return f"{variable['label'] or name} (levels {', '.join(variable['levels'])})"
    return f"{variable['label'] or name} (number{', ' if variable['unit'] else ''}{variable['unit']})"


def candidate_predictors(results):
    """Features offered to every signature, and clinical variables."""
    parts = [
        f"{results.label('signatures', name)} {count(tables['funnel']['features'].iloc[0])} features"
        for name, tables in results.signatures.items()
    ]
    clinical = listed(results.config["clinical"][name]["label"] or name for name in results.orders["clinical"])
    parts += [f"clinical: {clinical}"] if clinical else []
    text = f"Candidates: {'; '.join(parts)}."
    places = tuple(results.files["signatures"][name]["funnel"] for name in results.signatures)
    return Answer(text, places, "signatures")


def fairness(results):
    """Subgroups in which risk groups were compared; None where the study has none."""
    names = results.config["validation"]["subgroups"]
    if not names or results.statistics["risk_groups"] is None:
        return None
    text = f"Risk groups were compared within {listed(names)}; no model was changed for the sake of fairness."
    return Answer(text, (results.files["risk_groups"],), "groups")


def predictors(results):
    """Predictors of the headline model."""
    table = of_headline(results, "models")["coefficients"]
    names = [name for name in table["predictor"] if name != "(intercept)"]
    text = f"{results.label('models', results.headline)} takes {count(len(names))} predictors: {listed(names)}."
    places = (results.files["models"][results.headline]["coefficients"], *_score_files(results))
    return Answer(text, places, "models")


def _score_files(results):
    """Return where the scores behind the headline model are written out."""
    return tuple(results.files["signatures"][name]["coefficients"] for name in of_headline(results, "signatures"))
