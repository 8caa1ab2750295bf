"""What a reader should hold against a study, found in its own tables."""

from habitat_radiomics import deep_settings
from habitat_radiomics.bin_width import FEWEST_BINS, MOST_BINS
from habitat_radiomics.labels import cohort_label, count, interval, missing, number
from habitat_radiomics.sample_size_table import predictors_of
from habitat_radiomics.volume import ALIKE

EVENTS_PER_PARAMETER = 10  # Peduzzi 1996; more recent work asks for more, none for less
WIDE_INTERVAL = 0.2
NESTED_AUC = 0.6
LARGE_GAP = 0.1
FEW_READINGS = 20
FEW_EVENTS = 100  # for external validation: Vergouwe 2005, Collins 2016
FEW_EVENTS_FOR_CURVE = 200  # Van Calster 2016, J Clin Epidemiol 74:167
LARGE_EXCLUSION = 0.1


def limitations(results):
    """Return the limitations as sentences, the gravest kind first.

    Parameters
    ----------
    results : results.Results
    """
    found = []
    for judge in survival_judges() if results.is_survival else JUDGES:
        found += judge(results)
    return found


def survival_judges():
    """Judges of a study of times to an event: those that do not speak of classes, and its own."""
    from habitat_radiomics import limitations_survival as own

    instead = {
        few_validation_events: own.few_validation_events,
        few_events_per_parameter: own.few_events_per_parameter,
        many_candidates: own.many_candidates,
        separation: own.separation,
        few_patients_for_calibration: own.few_events_for_calibration,
    }
    return [instead.get(judge, judge) for judge in JUDGES] + list(own.JUDGES)


def simulated_data(results):
    """Numbers of a simulated cohort say nothing about patients."""
    if results.config["data"]["source"] != "demo":
        return []
    return ["The patients are simulated. The numbers show that the workflow works and say nothing about any disease."]


def given_features(results):
    """Features that this workflow did not make."""
    if results.config["data"]["source"] != "features":
        return []
    return [
        "Features were given in tables. Whether they were scaled, selected or harmonised over all patients before, "
        "which leaks from the validation, cannot be seen here; nor can their reproducibility between readers."
    ]


def missing_cohorts(results):
    """Validation on other patients, and on other centres."""
    if "external" in results.cohorts:
        return []
    if "internal" in results.cohorts:
        return ["There is no external cohort: how the models do at another centre is unknown."]
    return [
        "There is no validation cohort: all performance was estimated on the training patients, by cross-validation."
    ]


def few_validation_events(results):
    """Validation cohorts too small to judge a model."""
    sizes = {cohort: _smaller_class(results, results.headline, cohort) for cohort in ("internal", "external")}
    few = [f"{count(n)} patients ({cohort_label(cohort).lower()})" for cohort, n in sizes.items() if n < FEW_EVENTS]
    if not few:
        return []
    return [
        f"The smaller class has {' and '.join(few)}; about {FEW_EVENTS} are advised to validate a prediction model "
        "(Vergouwe 2005)."
    ]


def few_events_per_parameter(results):
    """Too many parameters for the smaller class of the training cohort."""
    smaller = _smaller_class(results, results.headline, "train")
    found = []
    for model in results.orders["models"]:
        parameters = len(predictors_of(results.models[model]["coefficients"]))
        if parameters and smaller / parameters < EVENTS_PER_PARAMETER:
            found.append(
                f"{results.label('models', model)} has {parameters} ({number(smaller / parameters, 1)} patients each)"
            )
    if not found:
        return []
    return [
        f"Models have many parameters for {count(smaller)} patients in the smaller training class: {', '.join(found)}; "
        f"at least {EVENTS_PER_PARAMETER} patients for each are advised (Peduzzi 1996)."
    ]


def _smaller_class(results, model, cohort):
    """Patients in the smaller outcome class; infinite when the cohort was not measured."""
    row = results.metric(model, cohort, "auc")
    return float("inf") if row is None else int(min(row["events"], row["n"] - row["events"]))


def many_candidates(results):
    """Candidate features against patients: the reason why selection is inside every resample."""
    smaller = _smaller_class(results, results.headline, "train")
    candidates = {name: int(tables["funnel"]["features"].iloc[0]) for name, tables in results.signatures.items()}
    many = [f"{results.label('signatures', name)} {count(n)}" for name, n in candidates.items() if n > smaller]
    if not many:
        return []
    return [
        f"There are more candidate features ({', '.join(many)}) than patients in the smaller training class "
        f"({count(smaller)}). Another sample would select other features; only the performance of the whole chain is "
        "validated."
    ]


def wide_intervals(results):
    """An AUC (or C) that could be almost anything."""
    cohort, measure = results.honest_cohort, results.measure_label
    if cohort is None:
        return [
            f"The {measure} of the headline model could not be estimated in any cohort outside its own training data."
        ]
    row = results.metric(results.headline, cohort, results.measure)
    low, high = row["ci_low"], row["ci_high"]
    if missing(low) or missing(high):
        return [f"{cohort_label(cohort)}: the interval of the {measure} could not be estimated."]
    found = []
    if high - low > WIDE_INTERVAL:
        found.append(
            f"{cohort_label(cohort)}: the {measure} of the headline model is uncertain ({interval(low, high)})."
        )
    if low <= 0.5:
        found.append(f"{cohort_label(cohort)}: the interval of the {measure} includes 0.50, which is chance.")
    return found


def perfect_aucs(results):
    """An AUC of 1 has a DeLong variance of 0, a C of 1 a jackknife variance of 0."""
    leading = results.metrics["metric"] == results.measure
    aucs = results.metrics[leading & (results.metrics["ci_low"] == results.metrics["ci_high"])]
    places = [
        f"{results.label('models', model)} ({cohort_label(cohort).lower()})"
        for model, cohort in zip(aucs["model"], aucs["cohort"], strict=True)
    ]
    if not places:
        return []
    whose = "The" if results.is_survival else "DeLong's"
    return [
        f"{whose} interval has no width where the {results.measure_label} is 0 or 1, which hides the uncertainty: "
        f"{', '.join(places)}."
    ]


def optimism(results):
    """Apparent performance far above what was measured on patients the model did not see."""
    found = []
    for model in results.orders["models"]:
        apparent = _auc(results, model, "train")
        lower = [
            f"{number(auc)} ({cohort_label(cohort).lower()})"
            for cohort in results.cohorts
            if cohort != "train" and apparent - (auc := _auc(results, model, cohort)) > LARGE_GAP
        ]
        if lower:
            found.append(
                f"Model {results.label('models', model)}: the {results.measure_label} falls from {number(apparent)} on "
                f"the patients it was fitted on to {', '.join(lower)}."
            )
    return found


def _auc(results, model, cohort):
    row = results.metric(model, cohort, results.measure)
    return float("nan") if row is None else row["estimate"]


def separation(results):
    """Models that have no maximum-likelihood solution."""
    return penalised_models(results, "the predictors separate the classes (almost) completely in training")


def penalised_models(results, why):
    """Models that Firth's likelihood had to fit, and why."""
    names = [
        results.label("models", name)
        for name, tables in results.models.items()
        if (tables["coefficients"]["method"] == "Firth").any()
    ]
    if not names:
        return []
    return [
        f"Model{_s(len(names))} {', '.join(names)}: {why}, so Firth's penalised likelihood was used. Its coefficients "
        "are finite, but strongly uncertain."
    ]


def reversed_scores(results):
    """Models that count a high cross-fitted score, the only one they have, as a low risk."""
    if results.config["training"]["scores"] != "cross_fitted":
        return []
    found = []
    for model, tables in results.models.items():
        coefficients = tables["coefficients"].set_index("predictor")["coefficient"]
        scores = [name for name in results.signatures if name in coefficients]
        if len(scores) == 1 and coefficients[scores[0]] < 0:
            found.append(
                f"Model {results.label('models', model)} turns the score of {results.label('signatures', scores[0])} "
                "round: signatures learnt without a patient gave high scores to patients of low risk. That is what "
                "chance does where a signature carries no information, and the model can then do worse than chance, in "
                "training too. Read it as no evidence for the signature, not as evidence for its opposite."
            )
    return found


def volume_in_disguise(results):
    """A headline model no better than the tumour's volume, and selected features that follow it."""
    alone, proxies = results.statistics["volume"], results.statistics["volume_proxies"]
    if alone is None:
        return []
    found, cohort = [], results.honest_cohort
    rows = alone[(alone["cohort"] == cohort)]
    if len(rows) and rows["estimate"].iloc[0] >= _auc(results, results.headline, cohort):
        found.append(
            f"{cohort_label(cohort)}: the {results.measure_label} of the tumour's volume alone is "
            f"{number(rows['estimate'].iloc[0])}, no less than that of the headline model."
        )
    close = proxies[proxies["rho"].abs() >= ALIKE]
    if len(close):
        found.append(
            f"{count(len(close))} of {count(len(proxies))} selected features follow{_third_person(len(close))} the "
            f"tumour's volume (rank correlation of {ALIKE:g} and more in training): what they predict may be its size."
        )
    return found


def unusual_bins(results):
    """Filtered images most of whose training patients have fewer or more grey-level bins than usual."""
    widths = results.statistics["bin_width"]
    used = None if widths is None else widths[widths["used"]]
    rare = () if used is None else used[used["share_usual"] < 0.5]
    if not len(rare):
        return []
    return [
        f"Grey-level bins: with the width used, {count(len(rare))} of {count(len(used))} filtered images have fewer "
        f"than {FEWEST_BINS} or more than {MOST_BINS} bins in most training patients (median "
        f"{count(rare['median'].min())} to {count(rare['median'].max())}), where textures measure little or noise; see "
        "the table of grey-level bins."
    ]


def _third_person(n):
    return "s" if n == 1 else ""


def empty_signatures(results):
    """Signatures that found nothing."""
    found = []
    for name, tables in results.signatures.items():
        label = results.label("signatures", name)
        if len(tables["coefficients"]) == 1:
            found.append(f"Signature {label} selected no feature: its score is the same for every patient.")
        notes = tables["funnel"].dropna(subset=["note"]).query("note != ''")
        found += [
            f"Signature {label}, step {row.step}: {row.note}." for row in notes.query("step != 'best_of'").itertuples()
        ]
    return found


def few_readings(results):
    """Reproducibility judged on too few patients."""
    if results.icc is None:
        return []
    found = []
    for kind, words in (("inter", "between readers"), ("intra", "between repeated readings")):
        patients = int(results.icc[f"n_{kind}"].max()) if len(results.icc) else 0
        if patients == 0:
            found.append(f"Agreement {words} was not assessed: no training patient was read that way.")
        elif patients < FEW_READINGS:
            found.append(
                f"Agreement {words} rests on {patients} patient{_s(patients)}; its correlations are uncertain."
            )
    return found


def excluded_patients(results):
    """Many excluded patients may bias a study."""
    totals = results.flow.groupby("step")["patients"].sum()
    share = totals.get("excluded", 0) / totals["screened"]
    if share <= LARGE_EXCLUSION:
        return []
    return [
        f"{count(totals['excluded'])} of {count(totals['screened'])} screened patients ({100 * share:.0f} %) "
        "were excluded."
    ]


def missing_values(results):
    """Clinical values that were filled in."""
    used = {name for model in results.orders["models"] for name in results.config["models"][model]["clinical"]}
    included = results.patients[results.patients["included"] == "True"]
    gaps = {name: int(included[name].isna().sum()) for name in results.orders["clinical"] if name in used}
    filled = [f"{_variable(results, name)} in {count(n)}" for name, n in gaps.items() if n]
    return [f"Missing values were filled in: {', '.join(filled)} of {count(len(included))} patients."] if filled else []


def _variable(results, name):
    return results.config["clinical"][name]["label"] or name


def apparent_scores(results):
    """Scores that saw the patients on whom the model was fitted."""
    if results.config["training"]["scores"] != "apparent":
        return []
    return [
        "Models were fitted on the signatures' own training scores, which overstates a score against clinical "
        "variables."
    ]


def features_of_the_same_patients(results):
    """Models on features that were selected on the patients they are fitted on."""
    names = [results.label("models", m) for m in results.orders["models"] if _takes_features(results, m)]
    if not names:
        return []
    return [
        f"Model{_s(len(names))} {', '.join(names)}: the features were selected on the patients the model was fitted "
        "on, so that its apparent performance and its cut-off are optimistic."
    ]


def _takes_features(results, model):
    chosen = results.config["models"][model]
    return bool(chosen["signatures"]) and chosen.get("inputs") == "features"


def unassessed_habitats(results):
    """Habitats that no second reader drew, learnt from patients that cross-validation holds out."""
    if not results.config["habitats"]:
        return []
    return [
        "Habitats were made from the primary reading alone: their dependence on the reader was not assessed.",
        "Cross-validation does not learn habitats anew: their centres have seen the intensities (not the "
        "outcomes) of the training patients it holds out.",
    ]


def nested_maps(results):
    """What cross-validation does not repeat of nested habitats."""
    if not results.config.get("nested"):
        return []
    return [
        "Probability maps of nested habitats are made by a model of tumours, never of voxels: they order voxels, are "
        "not calibrated, and nobody has drawn what they should show.",
        "Cross-validation does not learn the maps anew: no training patient's map has seen the patient's own outcome, "
        "but the maps of others have, so that cross-validated figures of nested habitats are a little too good. "
        "Internal and external validation are not affected.",
    ]


def nested_at_chance(results):
    """Nested machines that tell held-out tumours apart little better than chance does."""
    return [
        f"The machine behind the maps of {name} ranked tumours that it had not seen with an AUC of "
        f"{number(tables['artifact']['models'][0]['auc_held_out'])}: near 0.5 its maps mean nothing, or are level, "
        "so that the whole tumour is the microregion."
        for name, tables in results.nested.items()
        if tables["artifact"]["models"][0]["auc_held_out"] < NESTED_AUC
    ]


def foreign_network(results):
    """What a network is not that was trained on other pictures, in two dimensions."""
    if not deep_settings.sequences(results.config):
        return []
    trained = "elsewhere" if results.config["deep"]["weights"] else "on photographs"
    return [
        f"Deep features come from a network trained {trained} and not adapted to these images; they see three slices "
        "of a tumour, have no definition of their own, and their last digits depend on the kind of processor."
    ]


def many_tests(results):
    """Unadjusted tests between models."""
    tests = int(results.comparisons["p"].notna().sum())
    return [f"The {tests} tests between models are not adjusted for their number."] if tests > 1 else []


def few_patients_for_calibration(results):
    """Smooth calibration curves need more patients than discrimination does."""
    sizes = {cohort: _smaller_class(results, results.headline, cohort) for cohort in ("internal", "external")}
    few = [cohort_label(cohort).lower() for cohort, n in sizes.items() if n < FEW_EVENTS_FOR_CURVE]
    if results.statistics["calibration"] is None or not few:
        return []
    return [
        f"Calibration curves ({', '.join(few)}) rest on fewer than {FEW_EVENTS_FOR_CURVE} patients of the smaller "
        "class; about 200 are advised for a curve (Van Calster 2016)."
    ]


def _s(n):
    return "" if n == 1 else "s"


JUDGES = (
    simulated_data,
    given_features,
    missing_cohorts,
    wide_intervals,
    perfect_aucs,
    optimism,
    few_validation_events,
    few_events_per_parameter,
    many_candidates,
    separation,
    reversed_scores,
    volume_in_disguise,
    unusual_bins,
    empty_signatures,
    few_readings,
    excluded_patients,
    missing_values,
    apparent_scores,
    features_of_the_same_patients,
    unassessed_habitats,
    nested_maps,
    nested_at_chance,
    foreign_network,
    many_tests,
    few_patients_for_calibration,
)
