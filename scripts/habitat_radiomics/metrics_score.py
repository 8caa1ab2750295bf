"""Items and conditions of METRICS that the stored results decide, and the range of the score that is left open.

Source: Kocak 2024, Insights Imaging 15:8, and its online tool for the weights; where an item leaves room, METRICS-E3.
"""

from habitat_radiomics import deep_settings
from habitat_radiomics.checklist_answers import (
    cohort_words,
    confusion,
    has_images,
    has_nonradiomic_reference,
    headline_signatures,
    included,
    validation_cohorts,
)
from habitat_radiomics.config import signature_steps
from habitat_radiomics.labels import count, missing

YES, NO, OPEN, NOT_APPLICABLE = "yes", "no", "open", "not applicable"
SIMPLE = ("logistic", "cox")  # estimators that are themselves classical
REDUNDANCY_STEPS = ("anova", "t_or_u", "select_k_best", "correlation", "lasso", "univariable_cox", "cox_lasso")
ROBUSTNESS_STEPS = ("icc", "stable")


def verdict(number, results):
    """Return ``(credit, reason)`` of one item or condition: yes, no or open (nobody but the authors knows)."""
    judge = JUDGES.get(number)
    return (OPEN, "") if judge is None else judge(results)


def applies(conditions, credits):
    """Return whether an item applies: yes, no, or open while a condition it depends on is open.

    Parameters
    ----------
    conditions : str
        Names of the conditions, separated by commas; empty for an item that always applies.
    credits : dict
        Condition to yes, no or open.
    """
    found = [credits[name.strip()] for name in conditions.split(",") if name.strip()]
    return next((answer for answer in (NO, OPEN) if answer in found), YES)


def score_range(weights, credits):
    """Return the lowest and the highest score in per cent that the open items leave.

    The tool divides the weights of the items met by those of the items that apply. An open item counts as not met in
    the lowest score and as met in the highest; one that may not apply is between the two.

    Parameters
    ----------
    weights : list of float
    credits : list of str
        Of the same items.
    """
    sums = dict.fromkeys((YES, NO, OPEN, NOT_APPLICABLE), 0.0)
    for weight, credit in zip(weights, credits, strict=True):
        sums[credit] += weight
    whole = sums[YES] + sums[NO] + sums[OPEN]
    return 100 * sums[YES] / whole, 100 * (sums[YES] + sums[OPEN]) / whole


def _segmented(results):
    return (YES, "Features come from segmented regions.") if has_images(results) else (OPEN, "")


def _hand_crafted(results):
    if not has_images(results):
        return OPEN, ""
    if deep_settings.sequences(results.config):
        return YES, "Hand-crafted features, and features of a pretrained network beside them."
    return YES, "All features are hand-crafted."


def _tabular(results):
    return YES, "Features are in tables."


def _end_to_end(results):
    return NO, "The workflow has no end-to-end deep learning; a pretrained network is not trained further."


def _multi_centre(results):
    people = included(results)
    if "site" not in people or people["site"].isna().any():
        return OPEN, ""
    n = people["site"].nunique()
    return (YES, f"{count(n)} centres.") if n > 1 else (OPEN, "The column of centres has one value.")


def _software(results):
    version = results.provenance.get("versions", {}).get("pyradiomics")
    return (YES, f"PyRadiomics {version}.") if has_images(results) and version else (OPEN, "")


def _parameters(results):
    if not (has_images(results) and results.provenance):
        return OPEN, ""
    return YES, "Every setting, given or default, is in provenance.json, to be submitted with the study."


def _robust(results):
    if not (has_images(results) and results.signatures):
        return OPEN, ""
    without = [name for name in headline_signatures(results) if not _has_step(results, name, ROBUSTNESS_STEPS)]
    if without:
        return NO, f"No step removes features that are not robust in {_labels(results, without)}."
    if not _readings(results):
        return OPEN, "No patient was read twice."
    return YES, f"A step removes features that are not robust in {_labels(results, headline_signatures(results))}."


def _labels(results, signatures):
    return ", ".join(results.label("signatures", name) for name in signatures)


def _readings(results):
    """Whether anybody was read again, or the step measures stability under changes instead."""
    icc = results.icc
    if icc is None or icc.empty:
        return all(_has_step(results, name, ("stable",)) for name in headline_signatures(results))
    return icc[["n_inter", "n_intra"]].max().max() > 0


def _redundant(results):
    if not results.signatures:
        return OPEN, ""
    without = [name for name in headline_signatures(results) if not _has_step(results, name, REDUNDANCY_STEPS)]
    return (
        (NO, f"No selection in {_labels(results, without)}.")
        if without
        else (YES, "Selection steps with their counts are stored.")
    )


def _has_step(results, signature, names):
    members = results.config["signatures"][signature]["best_of"] or [signature]
    steps = [[step for entry in signature_steps(results.config, member) for step in entry] for member in members]
    return all(any(step in names for step in found) for found in steps)


def _dimensions(results):
    sizes = results.statistics["sample_size"]
    rows = None if sizes is None else sizes[sizes["model"] == results.headline]
    if rows is None or rows.empty or missing(rows["needed_for_candidates"].iloc[0]):
        return OPEN, ""
    row = rows.iloc[0]
    if row["n"] >= row["needed_for_candidates"]:
        return YES, "More patients than Riley's criteria ask for with all candidates."
    return (
        OPEN,
        "Fewer patients than Riley's criteria ask for; consistent performance in validation may still show it.",
    )


def _partition(results):
    if not has_images(results) or results.config["split"]["method"] == "column" or not validation_cohorts(results):
        return OPEN, ""
    return YES, "Patients were split before any step; all fits were checked to have seen training patients only."


def _confounders(results):
    if results.config["harmonise"]["method"] == "none":
        return OPEN, ""
    return YES, "Features were tested between batches and harmonised."


def _measures(results):
    if results.is_survival:
        return YES, "C-index, AUC at the horizons and Brier scores are stored."
    counted = [cohort for cohort in results.cohorts if confusion(results, cohort)]
    known = bool(counted) and results.honest_cohort is not None
    return (YES, "AUC and the confusion matrix are stored.") if known else (NO, "No confusion matrix is stored.")


def _uncertain(results):
    cohort = results.honest_cohort
    row = None if cohort is None else results.metric(results.headline, cohort, results.measure)
    known = row is not None and not (missing(row["ci_low"]) or missing(row["ci_high"]))
    return (YES, "") if known else (NO, "The headline model has no interval.")


def _calibrated(results):
    table = results.statistics["calibration"]
    if table is None:
        return NO, "Calibration was not measured."
    rows = table[(table["model"] == results.headline) & (table["cohort"] == results.honest_cohort)]
    return (YES, "") if rows["estimate"].notna().any() else (NO, "Calibration could not be measured.")


def _one_sequence(results):
    if not has_images(results):
        return OPEN, ""
    if len(_sequences(results, results.headline)) == 1:
        return YES, "The headline model uses one sequence."
    pairs = results.comparisons.dropna(subset=["p"])[["model", "reference"]].drop_duplicates().to_numpy().tolist()
    others = [name for pair in pairs if results.headline in pair for name in pair if name != results.headline]
    single = sorted({name for name in others if len(_sequences(results, name)) == 1})
    if single:
        labels = ", ".join(results.label("models", name) for name in single)
        return YES, f"Compared by tests with {labels}, of one sequence."
    return NO, "Several sequences, not compared with a model of one."


def _sequences(results, model):
    chosen = [results.config["signatures"][name] for name in results.config["models"][model]["signatures"]]
    return set().union(*(entry.get("sequences") or results.orders["sequences"] for entry in chosen))


def _tested_against(results, models):
    """Whether one of the models was compared by a test with the headline model in the most independent cohort."""
    rows = results.comparisons[results.comparisons["cohort"] == results.honest_cohort].dropna(subset=["p"])
    pairs = rows[["model", "reference"]].to_numpy().tolist()
    return any(results.headline in pair and set(pair) & set(models) - {results.headline} for pair in pairs)


def _without_radiomics(results):
    if has_nonradiomic_reference(results) and _tested_against(results, [results.reference]):
        return YES, ""
    return NO, "No test against a model without radiomics."


def _simple_model(results):
    models = results.config["models"]
    if results.statistics.get("permutation") is not None:
        return YES, "Compared with no information by permuted outcomes."
    if models[results.headline]["estimator"] in SIMPLE:
        return OPEN, "The model is itself a classical regression; it was not tested against no information."
    simple = [name for name, model in models.items() if model["estimator"] in SIMPLE]
    return (
        (YES, "Tested against a classical regression.") if _tested_against(results, simple) else (NO, "No such test.")
    )


def _cohort(name):
    def judge(results):
        known = name in results.cohorts
        return (YES if known else NO), f"There is {'an' if known else 'no'} {cohort_words(name)} cohort.".replace(
            "validation cohort", "cohort"
        )

    return judge


JUDGES = {
    "Condition 1": _segmented,
    "Condition 3": _hand_crafted,
    "Condition 4": _tabular,
    "Condition 5": _end_to_end,
    "4": _multi_centre,
    "12": _software,
    "13": _parameters,
    "14": _robust,
    "15": _redundant,
    "16": _dimensions,
    "18": _partition,
    "19": _confounders,
    "20": _measures,
    "21": _uncertain,
    "22": _calibrated,
    "23": _one_sequence,
    "24": _without_radiomics,
    "25": _simple_model,
    "26": _cohort("internal"),
    "27": _cohort("external"),
}
