"""Answers to checklist items on selection, models, validation and what speaks against them."""

from habitat_radiomics import methods_survival, methods_text
from habitat_radiomics.checklist_answers import (
    Answer,
    cohort_words,
    confusion,
    has_nonradiomic_reference,
    headline_files,
    headline_signatures,
    included,
    listed,
    measured,
    median_of,
    of_headline,
    sizes_text,
    validation_cohorts,
)
from habitat_radiomics.config import signature_steps
from habitat_radiomics.estimator_words import WORDS
from habitat_radiomics.labels import coefficient, count, interval, missing, number, p_value, percent, step_label
from habitat_radiomics.limitations import limitations


def _methods(results):
    return methods_survival if results.is_survival else methods_text


def scaling(results):
    """Scaling of features and harmonisation, learnt on training patients."""
    config = results.config
    names = results.orders["signatures"]
    scaled = [name for name in names if any("zscore" in entry for entry in signature_steps(config, name))]
    words = listed(results.label("signatures", name) for name in scaled)
    start = f"Standardised by training mean and standard deviation: {words}." if scaled else "Features were not scaled."
    combat = methods_survival.harmonise_text(config) or "Features were not harmonised between batches."
    regressions = all(WORDS[config["models"][name]["estimator"]].has_coefficients for name in results.orders["models"])
    form = " Scores and numbers entered the models linearly, categories by their levels." if regressions else ""
    return Answer(f"{start} {combat}{form}", headline_files(results, "funnel"), "methods")


def dimension_reduction(results):
    """Selection steps and the features left after each, for the headline model; None without any signature."""
    if not results.signatures:
        return None
    text = methods_text.selection_text(results.config, results.orders["signatures"])
    parts = []
    for name in headline_signatures(results):
        steps = results.signatures[name]["funnel"]
        left = ", ".join(f"{step_label(row.step)} {count(row.features)}" for row in steps.itertuples())
        parts.append(f"{results.label('signatures', name)}: {left}")
    return Answer(f"{text} Features left: {'; '.join(parts)}.", headline_files(results, "funnel"), "signatures")


def algorithm(results):
    """Estimators and the software behind them."""
    software = methods_text.software_text(results.provenance.get("versions", {}))
    text = f"{methods_text.models_text(results.config, results.orders['models'])} {software}".strip()
    places = (results.files["models"][results.headline]["coefficients"], results.files.get("provenance"))
    return Answer(text, places, "methods")


def training(results):
    """How models were trained and tuned, the folds and the seed."""
    chosen = results.config["training"]
    repeats = f", repeated {chosen['repeats']} times for cross-fitted scores" if chosen["repeats"] > 1 else ""
    text = (
        f"{methods_text.models_text(results.config, results.orders['models'])} {chosen['folds']} folds{repeats}; "
        f"everything random follows seed {results.config['seed']}."
    )
    return Answer(text, (results.files.get("provenance"),), "methods")


def model_building(results):
    """Selection, models and internal validation together."""
    methods = _methods(results)
    parts = [
        methods_text.selection_text(results.config, results.orders["signatures"]) if results.signatures else "",
        methods_text.models_text(results.config, results.orders["models"]),
        methods.validation_text(results.config, results.reference),
        methods.bootstrap_text(results.config),
    ]
    return Answer(" ".join(filter(None, parts)), headline_files(results, "funnel"), "methods")


def model_selection(results):
    """The model at the top of the page, and choices that were made by the data."""
    label, chosen = results.label("models", results.headline), results.config["models"][results.headline]
    by_data = [
        results.label("signatures", name)
        for name in results.orders["signatures"]
        if results.config["signatures"][name]["best_of"]
    ]
    parts = [f"The model {label} was named in the configuration, not picked by its performance."]
    if chosen["estimator"] == "best":
        parts.append(f"Its classifier is {WORDS['best'].methods}.")
    if by_data:
        parts.append(f"Chosen by cross-validation among several: {listed(by_data)}.")
    return Answer(" ".join(parts), (results.files["models"][results.headline]["cutoff"],), "summary")


def testing(results):
    """Cohorts of patients on whom nothing was fitted."""
    cohorts = validation_cohorts(results)
    text = f"{sizes_text(results)}." + (f" Tested: {listed(map(cohort_words, cohorts))}." if cohorts else "")
    people = included(results)
    for cohort in cohorts if "site" in people else []:
        sites = people[people["cohort"] == cohort]["site"].dropna().unique()
        text += f" Centres of {cohort_words(cohort)}: {listed(sorted(sites))}." if len(sites) else ""
    lost = "" if cohorts else "There are no other patients to test on: say why."
    return Answer(text, (results.files["metrics"], results.files["flow"]), "validation", lost)


def measures(results):
    """Measures of discrimination, calibration and usefulness."""
    methods = _methods(results)
    parts = [methods.validation_text(results.config, results.reference), methods.calibration_text(results.config)]
    return Answer(" ".join(parts), (results.files["metrics"], results.files.get("calibration")), "methods")


def uncertainty(results):
    """The interval of the headline model and how it was found."""
    cohort = results.honest_cohort
    if cohort is None:
        return None
    row = results.metric(results.headline, cohort, results.measure)
    label = results.label("models", results.headline)
    text = (
        f"{results.measure_label} of {label}, {cohort_words(cohort)}: {measured(results, results.headline, cohort)}; "
        f"{percent(results.level)} interval by {row['method']}. {_methods(results).bootstrap_text(results.config)}"
    ).strip()
    return Answer(text, (results.files["metrics"],), "validation")


def calibration(results):
    """Calibration slope of the headline model in its most independent cohort; None when it was not stored."""
    table, cohort = results.statistics["calibration"], results.honest_cohort
    if table is None or cohort is None:
        return None
    rows = table[(table["model"] == results.headline) & (table["cohort"] == cohort)]
    unit = results.config["outcome"]["unit"]
    found = [
        f"slope {number(row['estimate'])} ({interval(row['ci_low'], row['ci_high'])})"
        + (f" by {row['horizon']:g} {unit}" if "horizon" in row else "")
        for _, row in rows[rows["metric"] == "slope"].iterrows()
    ]
    text = f"{cohort_words(cohort).capitalize()}: {'; '.join(found) or 'no slope could be estimated'}."
    how = _methods(results).calibration_text(results.config)
    return Answer(f"{text} {how}", (results.files["calibration"],), "calibration")


def comparison_method(results):
    """The test between models, its number, and the cut-off."""
    tests = int(results.comparisons["p"].notna().sum())
    name = "paired tests of C-index and AUC by horizon" if results.is_survival else "DeLong's paired test"
    cut = of_headline(results, "models")["cutoff"]
    adjusted = " (not adjusted for their number)" if tests > 1 else ""
    text = (
        f"{count(tests)} comparisons by {name}{adjusted}, with {percent(results.level)} intervals. Cut-off of "
        f"{results.label('models', results.headline)}: {number(cut['threshold'])} ({cut['rule']}, learnt in training)."
    )
    places = (results.files["comparisons"], results.files["models"][results.headline]["cutoff"])
    return Answer(text, places, "validation", "" if tests else "Models were not compared: say why.")


def nonradiomic_method(results):
    """The model without features that others are compared with, and decision curves."""
    if not has_nonradiomic_reference(results):
        lost = "Compare with one, or say why not."
        return Answer("The headline model was not compared as one with radiomics against one without.", missing=lost)
    clinical = results.config["models"][results.reference]["clinical"]
    names = listed(results.config["clinical"][name]["label"] or name for name in clinical)
    label, usefulness = results.label("models", results.reference), _methods(results).calibration_text(results.config)
    text = f"Reference: {label} ({names}), compared by paired tests. {usefulness}"
    return Answer(text, (results.files["comparisons"],), "methods")


def nonradiomic_result(results):
    """Differences between models with features and a reference without: the headline model by cohort, then others."""
    if not has_nonradiomic_reference(results):
        lost = "Compare with one, or say why not."
        return Answer("The headline model was not compared as one with radiomics against one without.", missing=lost)
    tests = {cohort: _difference(results, results.headline, cohort) for cohort in results.cohorts}
    parts = [f"{cohort_words(cohort)} {text}" for cohort, text in tests.items() if text]
    labels = [results.label("models", name) for name in (results.headline, results.reference)]
    text = f"{results.measure_label} of {labels[0]} minus {labels[1]}: {'; '.join(parts) or 'not estimable'}."
    return Answer(text + _other_differences(results), (results.files["comparisons"],), "validation")


def _other_differences(results):
    """The other models with features against the reference, in the most independent cohort."""
    cohort = results.honest_cohort
    others = [
        f"{results.label('models', name)} {text}"
        for name in results.orders["models"]
        if name != results.headline and results.config["models"][name]["signatures"]
        if (text := _difference(results, name, cohort))
    ]
    return f" Other models, {cohort_words(cohort)}: {'; '.join(others)}." if others else ""


def _difference(results, model, cohort):
    """Difference from the reference with interval and p; None where it could not be estimated."""
    test = results.comparison(model, cohort)
    if test is None or missing(test["difference"]):
        return None
    return f"{number(test['difference'])} ({interval(test['ci_low'], test['ci_high'])}), p {p_value(test['p'])}"


def interpretability(results):
    """Coefficients, nomogram and importance, as far as there are any."""
    words = WORDS[results.config["models"][results.headline]["estimator"]]
    parts = ["coefficients of every signature"]
    parts += (
        [f"coefficients and ratios of {results.label('models', results.headline)}"] if words.has_coefficients else []
    )
    parts += ["nomogram"] if results.statistics["points"] is not None else []
    parts += ["permutation importance on held-out patients"] if results.statistics["importance"] else []
    parts += ["partial dependence on held-out patients"] if results.statistics["partial_dependence"] else []
    return Answer(f"Shown: {listed(parts)}.", headline_files(results, "coefficients"), "signatures")


def feature_statistics(results):
    """Selected features with coefficients, and their agreement between readings; None without any signature."""
    if not results.signatures:
        return None
    parts = [_selected_text(results, name) for name in headline_signatures(results)]
    return Answer(
        f"{'; '.join(parts)}.", (*headline_files(results, "coefficients"), results.files["icc"]), "signatures"
    )


def _selected_text(results, name):
    table = results.signatures[name]["coefficients"]
    chosen = table[table["feature"] != "(intercept)"]
    shown = ", ".join(f"{row.feature} {coefficient(row.coefficient)}" for row in chosen.itertuples())
    icc = None if results.icc is None else median_of(results.icc.set_index("feature")["icc"].reindex(chosen["feature"]))
    agreement = "" if icc is None or missing(icc) else f", median ICC {number(icc)}"
    return f"{results.label('signatures', name)} (features: {count(len(chosen))}{agreement}): {shown or 'none'}"


def performance(results):
    """Performance of the headline model by cohort beside what no information gives."""
    found = {cohort: measured(results, results.headline, cohort) for cohort in results.cohorts}
    parts = [f"{cohort_words(cohort)} {text}{_matrix(results, cohort)}" for cohort, text in found.items() if text]
    label = results.label("models", results.headline)
    text = f"{results.measure_label} of {label}: {'; '.join(parts) or 'not estimable'}."
    return Answer(text, (results.files["metrics"],), "validation")


def _matrix(results, cohort):
    """Counts of the confusion matrix and the no-information rate; nothing for times to an event."""
    right, row = confusion(results, cohort), results.metric(results.headline, cohort, results.measure)
    if right is None:
        return ""
    events, others = row["events"], row["n"] - row["events"]
    return (
        f", true positives {count(right[0])}, false negatives {count(events - right[0])}, true negatives "
        f"{count(right[1])}, false positives {count(others - right[1])}, no-information rate "
        f"{number(max(events, others) / row['n'])}"
    )


def confounders(results):
    """What the tumour's volume alone predicts, and harmonisation between batches; None with neither."""
    volume, combat = results.statistics["volume"], methods_survival.harmonise_text(results.config)
    parts = [] if volume is None else [_volume_sentence(results, volume)]
    if not (parts or combat):
        return None
    places = (results.files.get("volume"), results.files.get("volume_proxies"))
    return Answer(" ".join([*parts, combat]).strip(), places, "validation" if parts else "harmonise")


def _volume_sentence(results, volume):
    found = [
        f"{cohort_words(row.cohort)} {number(row.estimate)} ({interval(row.ci_low, row.ci_high)})"
        for row in volume.itertuples()
    ]
    strongest = results.statistics["volume_proxies"]["rho"].abs().max()
    beside = (
        "" if missing(strongest) else f" A selected feature correlates with it by up to {number(strongest)} (rank)."
    )
    return f"{results.measure_label} of the tumour's volume alone: {'; '.join(found)}.{beside}"


def clusters(results):
    """Centres: harmonised, or validated apart; their heterogeneity is not measured."""
    combat = methods_survival.harmonise_text(results.config)
    external = measured(results, results.headline, "external")
    parts = [combat] if combat else []
    parts += [f"External centres: {results.measure_label} {external}."] if external else []
    lost = "Heterogeneity between centres was not quantified: do so, or say why not."
    return Answer(" ".join(parts), (results.files["metrics"],), "validation", lost) if parts else None


def updating(results):
    """No model is updated after evaluation."""
    return Answer("No model was updated after its evaluation.")


def predictions(results):
    """What made the predictions of patients on whom nothing was fitted."""
    chosen = results.config["harmonise"]
    estimated = chosen["method"] != "none" and chosen["unseen"] == "estimate"
    learnt = "batch effects of batches without training patients, without their outcomes" if estimated else "nothing"
    text = (
        "The stored models, as fitted on the training patients, predicted every other patient; of these was learnt: "
        f"{learnt}."
    )
    return Answer(text, (results.files["models"][results.headline].get("predictions"),), "validation")


def model_output(results):
    """What a model gives, and its threshold."""
    cut = of_headline(results, "models")["cutoff"]
    words = WORDS[results.config["models"][results.headline]["estimator"]]
    risk = "Risk at each horizon" if results.is_survival else "Probability of the event"
    text = f"{risk}, and two groups by the {words.score} (high above {number(cut['threshold'])}; {cut['rule']})."
    return Answer(text, (results.files["models"][results.headline]["cutoff"],), "models")


def full_model(results):
    """Coefficients of the headline model, where it has any."""
    table = of_headline(results, "models")["coefficients"]
    label = results.label("models", results.headline)
    text = f"{label} has no coefficients; the fitted object is stored."
    if WORDS[results.config["models"][results.headline]["estimator"]].has_coefficients:
        terms = [f"{row.predictor} {coefficient(row.coefficient)}" for row in table.itertuples()]
        text = f"{label}: {'; '.join(terms)}."
    places = (results.files["models"][results.headline]["coefficients"], *headline_files(results, "coefficients"))
    return Answer(text, places, "models")


def unavailable_inputs(results):
    """What the model does with missing and unusual inputs."""
    text = (
        "Missing clinical values take the training median or most frequent level; a patient without a sequence or with "
        "unusable content gets no prediction."
    )
    bundle = results.files.get("bundle")
    warned = " The bundle warns of values outside the ranges of the training patients." if bundle else ""
    return Answer(text + warned, (bundle,))


def limits(results):
    """Limitations that the workflow found in its own tables."""
    found = limitations(results)
    if not found:
        return None
    return Answer(f"{count(len(found))} found by the workflow: {' '.join(found)}", (), "limitations")
