"""Sentences of the methods paragraph that are those of a study of times to an event."""

from habitat_radiomics.labels import count, percent


def horizons_text(config):
    """Return the horizons with their unit: ``12, 24 and 36 months``."""
    outcome = config["outcome"]
    named = [f"{horizon:g}" for horizon in outcome["horizons"]]
    return f"{', '.join(named[:-1])}{' and ' if len(named) > 1 else ''}{named[-1]} {outcome['unit']}"


def validation_text(config, reference):
    """Concordance, AUC over time, prediction error, risk groups and tests."""
    chosen, last = config["validation"], f"{config['outcome']['horizons'][-1]:g} {config['outcome']['unit']}"
    level, resamples = percent(chosen["interval_level"]), count(chosen["band_resamples"])
    label = config["models"][reference]["label"] or reference
    test = (
        f" C and AUC of the models were compared with those of {label} by paired tests from the jackknife and from "
        "influence functions (Blanche 2013)."
        if len(config["models"]) > 1
        else ""
    )
    subgroups = [config["clinical"][name]["label"] or name for name in chosen["subgroups"]]
    within = f", and within the levels of {' and '.join(subgroups)}" if subgroups else ""
    return (
        f"Discrimination is given as Harrell's C and as Uno's (2011) until {last}, with {level} intervals by the "
        f"infinitesimal jackknife; as the cumulative/dynamic AUC by {horizons_text(config)} with "
        "inverse-probability-of-censoring weights (Uno 2007); and as the median of AUC(t) over the follow-up, its "
        f"interval from {resamples} bootstraps of the patients. Prediction error is the Brier score with the same "
        f"weights (Graf 1999), integrated from 0 to {last} and compared with that of the Kaplan-Meier estimate.{test} "
        "Survival of the risk groups was estimated by Kaplan and Meier (intervals log-log) and compared by log-rank "
        f"test and Cox regression in every cohort{within}. Cross-validated training performance repeats the whole "
        f"chain, selection included, in {config['training']['folds']} folds. Proportional hazards were tested by the "
        "score test of R's cox.zph (survival 3.0 and later)."
    )


def calibration_text(config):
    """Calibration and decision curves at the horizons, and the bands of both."""
    chosen = config["validation"]
    return (
        f"Calibration by {horizons_text(config)} was measured by the slope of a Cox model on the complementary log-log "
        "of the predicted risk, by predicted against Kaplan-Meier's risk overall and in groups of equal size, and by "
        "distances of a smooth curve (restricted cubic spline with three knots) from the ideal (Austin, Harrell and "
        "van Klaveren 2020); clinical usefulness by decision curves for censored data (Vickers 2008). Bands are "
        f"pointwise {percent(chosen['interval_level'])} percentiles of {count(chosen['band_resamples'])} bootstraps."
    )


def bootstrap_text(config):
    """The bootstrap of the whole chain; nothing when it was switched off."""
    chosen = config["bootstrap"]
    if not chosen["replicates"]:
        return ""
    return (
        f"The optimism of the apparent performance was estimated by {count(chosen['replicates'])} bootstraps, "
        "stratified by event, in each of which the whole chain (selection, score, model) was fitted anew: Harrell's "
        "correction (1996), the patients left out of the resamples, and the .632+ rule (Efron and Tibshirani 1997; for "
        "prediction errors Gerds and Schumacher 2007)."
    )


def harmonise_text(config):
    """ComBat and what was done with batches nobody of whom trained; nothing without harmonisation."""
    chosen = config["harmonise"]
    if chosen["method"] == "none":
        return ""
    kept = [config["clinical"][name]["label"] or name for name in chosen["covariates"]]
    parts = ["parametric" if chosen["parametric"] else "non-parametric"]
    parts += ["location only"] if chosen["mean_only"] else []
    parts += [f"reference {chosen['reference_batch']}"] if chosen["reference_batch"] else []
    preserved = f", the effects of {' and '.join(kept)} preserved" if kept else ""
    unseen = {
        "estimate": f"Batches without training patients were estimated from their own patients, without their "
        "outcomes, "
        f"where there were at least {chosen['min_patients']}, and else left as they were.",
        "leave": "Batches without training patients were left as they were.",
    }[chosen["unseen"]]
    return (
        f"Features were harmonised between batches (column {chosen['batch']}) by ComBat (Johnson 2007; "
        f"{', '.join(parts)}){preserved}, learnt on the training patients inside every signature. {unseen}"
    )
