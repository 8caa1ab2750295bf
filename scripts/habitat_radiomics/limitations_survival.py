"""What a reader should hold against a study of times to an event, found in its own tables."""

from habitat_radiomics.labels import DASH, cohort_label, count, interval, missing, number, p_value, ratio_interval
from habitat_radiomics.limitations import penalised_models
from habitat_radiomics.report_survival import candidate_parameters
from habitat_radiomics.sample_size_survival import detectable_ratio
from habitat_radiomics.sample_size_table import predictors_of

EVENTS_PER_PARAMETER = 10  # Peduzzi 1995, J Clin Epidemiol 48:1503
FEW_EVENTS = 100  # for external validation: Vergouwe 2005, Collins 2016
FEW_EVENTS_FOR_CURVE = 200  # Van Calster 2016, J Clin Epidemiol 74:167
VERY_FEW_EVENTS = 30  # three candidate parameters
ALPHA = 0.05


def events_of(results, cohort):
    """Events in a cohort; None when it was not measured."""
    row = results.metric(results.headline, cohort, results.measure)
    return None if row is None else int(row["events"])


def few_validation_events(results):
    """Validation cohorts with too few events to judge a model."""
    sizes = {cohort: events_of(results, cohort) for cohort in ("internal", "external")}
    few = [
        f"{count(n)} ({cohort_label(cohort).lower()})"
        for cohort, n in sizes.items()
        if n is not None and n < FEW_EVENTS
    ]
    if not few:
        return []
    return [
        f"Events in validation: {' and '.join(few)}; about {FEW_EVENTS} are advised to validate a prediction model "
        "(Vergouwe 2005, Collins 2016)."
    ]


def few_events_per_parameter(results):
    """What the events of the training cohort can support, and models that ask more of them."""
    events, found = events_of(results, "train"), []
    for model in results.orders["models"]:
        parameters = len(predictors_of(results.models[model]["coefficients"]))
        if parameters and events / parameters < EVENTS_PER_PARAMETER:
            found.append(
                f"{results.label('models', model)} has {parameters} ({number(events / parameters, 1)} events each)"
            )
    sentences = []
    if found:
        sentences.append(
            f"Models have many coefficients for {count(events)} training events: {', '.join(found)}; at least "
            f"{EVENTS_PER_PARAMETER} events for each are advised (Peduzzi 1995)."
        )
    if events < VERY_FEW_EVENTS:
        allowed = events // EVENTS_PER_PARAMETER
        sentences.append(
            f"The {count(events)} events of the training cohort support {allowed or 'not even one'} "
            f"coefficient{'s' if allowed > 1 else ''} by that rule, and no selection among many features. They show "
            f"only large effects: a hazard ratio below {number(detectable_ratio(events), 1)} between two groups of "
            "equal size is missed more often than in one of five such studies (Schoenfeld 1983). Read every result "
            "here as a question for a larger study, not as an answer."
        )
    return sentences


def many_candidates(results):
    """Candidate features against events: the reason why selection is inside every resample."""
    events = events_of(results, "train")
    candidates = {model: candidate_parameters(results, model) for model in results.orders["models"]}
    many = [f"{results.label('models', model)} {count(n)}" for model, n in candidates.items() if n > events]
    if not many:
        return []
    return [
        f"There are more candidate parameters ({', '.join(many)}) than training events ({count(events)}). Another "
        "sample would select other features; only the performance of the whole chain is validated."
    ]


def separation(results):
    """Models that have no maximum of the partial likelihood."""
    why = "a combination of the predictors orders the training events (almost) completely"
    return penalised_models(results, why)


def few_events_for_calibration(results):
    """Smooth calibration curves need more events than discrimination does."""
    sizes = {cohort: events_of(results, cohort) for cohort in ("internal", "external")}
    few = [cohort_label(cohort).lower() for cohort, n in sizes.items() if n is not None and n < FEW_EVENTS_FOR_CURVE]
    if results.statistics["calibration"] is None or not few:
        return []
    return [
        f"Calibration curves ({', '.join(few)}) rest on fewer than {FEW_EVENTS_FOR_CURVE} events; about 200 are "
        "advised for a curve (Van Calster 2016)."
    ]


def short_follow_up(results):
    """Horizons beyond the follow-up of a cohort: measures there are missing."""
    rows = results.metrics.query("model == @results.headline and metric.str.startswith('brier_')", engine="python")
    unit, lost = results.config["outcome"]["unit"], rows[rows["estimate"].isna()]
    places = [
        f"{row.horizon:g} {unit} ({cohort_label(row.cohort).lower()})"
        for row in lost.itertuples()
        if row.cohort != "train_cv"
    ]
    if not places:
        return []
    return [f"The follow-up ends before a horizon, whose measures are missing: {', '.join(places)}."]


def non_proportional_hazards(results):
    """Effects that change with time: one ratio is their average."""
    found = []
    for model, tables in results.models.items():
        table = tables["coefficients"]
        if "p_zph" in table and (table["p_zph"] < ALPHA).any():
            smallest = table["p_zph"].min()
            found.append(f"{results.label('models', model)} (smallest p {p_value(smallest)})")
    if not found:
        return []
    return [
        f"Proportional hazards are doubtful in training for {', '.join(found)}: the effect of a predictor changes with "
        "time, and its hazard ratio is an average over the follow-up."
    ]


def chosen_cut(results):
    """A cut that separates the training patients no better than chance allows a search to, or the wrong way."""
    cut = results.models[results.headline]["cutoff"]
    if cut["threshold"] is None or missing(cut["threshold"]):
        return ["The score of the headline model has no cut, so that there are no risk groups."]
    found = []
    p = cut.get("p_corrected")
    if not missing(p) and p >= ALPHA:
        found.append(
            "The cut of the score separates the training patients no better than a search among many cuts may by "
            f"chance (corrected p = {p_value(p)}): the risk groups have no firm ground."
        )
    if cut.get("high_is_worse") is False:
        found.append("Above the cut the training patients did better: the score does not order the risks.")
    found.append("The log-rank p of the training cohort belongs to a cut chosen on these patients: it proves nothing.")
    return found


def uncertain_groups(results):
    """Risk groups that do not differ in the most independent cohort, or that hold too few events to tell."""
    compared, cohort = results.statistics["risk_groups"], results.honest_cohort
    if compared is None or cohort is None:
        return []
    row = compared.query("model == @results.headline and cohort == @cohort and subgroup == 'all'")
    if row.empty or missing(row["hr"].iloc[0]):
        reason = "" if row.empty else row["hr_reason"].iloc[0]
        return [f"{cohort_label(cohort)}: the risk groups could not be compared ({reason or DASH})."]
    low, high = row[["hr_low", "hr_high"]].iloc[0]
    if row["hr_method"].iloc[0] == "Firth":
        return [
            f"{cohort_label(cohort)}: one of the risk groups has no events, so that the hazard ratio between them is "
            f"hardly bounded (Firth: {ratio_interval(low, high)})."
        ]
    if not low <= 1 <= high:
        return []
    return [
        f"{cohort_label(cohort)}: the interval of the hazard ratio between the risk groups includes 1 "
        f"({ratio_interval(low, high)}); the groups may not differ."
    ]


def scores_of_folds(results):
    """Cross-validated scores come from several models."""
    if "train_cv" not in results.cohorts:
        return []
    return [
        "Cross-validated concordance compares scores of patients from different folds as if they came from one model, "
        "which makes it a little worse than each fold's own; risk groups there use the cut of the whole training "
        "cohort."
    ]


def useless_predictions(results):
    """A model that predicts no better than the survival curve of everybody."""
    cohort = results.honest_cohort
    if cohort is None:
        return []
    error, null = (results.metric(results.headline, cohort, name) for name in ("ibs", "ibs_reference"))
    if error is None or null is None or missing(error["estimate"]) or error["estimate"] < null["estimate"]:
        return []
    return [
        f"{cohort_label(cohort)}: the integrated Brier score of the headline model ({number(error['estimate'], 3)}, "
        f"interval {interval(error['ci_low'], error['ci_high'], 3)}) is no better than that of the Kaplan-Meier curve "
        f"({number(null['estimate'], 3)}): its predicted risks are of no use there, whatever its concordance."
    ]


JUDGES = (
    useless_predictions,
    short_follow_up,
    non_proportional_hazards,
    chosen_cut,
    uncertain_groups,
    scores_of_folds,
)
