"""What each step of judging a survival study depends on, as plain values; see `settings`."""

from habitat_radiomics import settings


def validation(study):
    """Models, the one compared against, horizons, intervals and their resamples."""
    return {
        **{name: value for name, value in settings.validation(study).items() if name != "proportion_interval"},
        "horizons": horizons(study),
        **_resampled(study),
    }


def horizons(study):
    """Times at which risks are judged, ascending."""
    return study.config["outcome"]["horizons"]


def audit(study):
    """What the audit of the printed numbers needs to know."""
    kept = ("models", "level", "horizons")
    chosen = validation(study)
    return {**{name: chosen[name] for name in kept}, "signatures": list(study.config["signatures"])}


def calibration(study):
    """Models, horizons, and which models get curves with bands."""
    return {
        "models": list(study.config["models"]),
        "drawn": drawn_models(study),
        "horizons": horizons(study),
        "level": study.config["validation"]["interval_level"],
        **_resampled(study),
    }


def decision(study):
    """Models with decision curves, horizons, thresholds and bands."""
    return {
        "models": drawn_models(study),
        "horizons": horizons(study),
        "thresholds": study.config["validation"]["decision_thresholds"],
        "level": study.config["validation"]["interval_level"],
        **_resampled(study),
    }


def risk_groups(study):
    """Models, subgroups with their levels, horizons and level of the intervals."""
    config = study.config
    return {
        "models": list(config["models"]),
        "subgroups": [[name, config["clinical"][name]["levels"]] for name in config["validation"]["subgroups"]],
        "horizons": horizons(study),
        "level": config["validation"]["interval_level"],
    }


def score_factors(study):
    """Signatures of the headline model, the clinical variables beside them, and the level of the intervals."""
    return {
        **settings.described(study.config),
        "signatures": score_signatures(study.config),
        "level": study.config["validation"]["interval_level"],
    }


def score_signatures(config):
    """Signatures whose scores are tested beside clinical variables: those of the headline model, else all."""
    return config["models"][settings.headline_model(config)]["signatures"] or list(config["signatures"])


def merged_bootstrap(study, name):
    """Horizons, level of the percentiles, and whether the model was fitted on other scores than it is measured on."""
    return {**settings.merged_bootstrap(study, name), "horizons": horizons(study)}


def drawn_models(study):
    """Names of the models of the figures: the first group."""
    return [model["name"] for model in settings.model_figures(study)["models"]]


def figure_words(study):
    """Words that all figures of survival share."""
    outcome = study.config["outcome"]
    return {
        **settings.model_figures(study),
        "time_unit": outcome["unit"],
        "horizons": horizons(study),
        "outcome": survival_label(study.config),
    }


def survival_label(config):
    """What survival is free of, for an axis: ``Free of progression``."""
    return f"Free of {settings.outcome_label(config)}"


def forest_words(study):
    """Labels of scores and variables, cohorts and level of the forest plot."""
    config = study.config
    labels = {name: settings.score_label(settings.signature_label(config, name)) for name in config["signatures"]}
    variables = {name: settings.axis_label(name, variable) for name, variable in config["clinical"].items()}
    return {
        "labels": {**variables, **{name: f"{label} (per SD)" for name, label in labels.items()}},
        "level": config["validation"]["interval_level"],
        "cohorts": [cohort for cohort in settings.shown_cohorts(study) if cohort != "train_cv"],
    }


def _resampled(study):
    return {"resamples": study.config["validation"]["band_resamples"], "seed": study.config["seed"]}
