"""Kinds of outcome in a configuration: their columns, and which steps and estimators suit which, as plain data."""

from habitat_radiomics.estimator_words import WORDS

STEPS_OF = {  # steps that learn from the outcome, by the kind they learn from
    "binary": {"anova", "t_or_u", "select_k_best", "lasso"},
    "survival": {"univariable_cox", "cox_lasso"},
}
INSTEAD = {
    "anova": "univariable_cox",
    "t_or_u": "univariable_cox",
    "select_k_best": "univariable_cox",
    "lasso": "cox_lasso",
    "univariable_cox": "anova or t_or_u",
    "cox_lasso": "lasso",
}
SCORE_STEPS = ("lasso", "cox_lasso")  # the last step of a signature
KEYS_OF = {"binary": ("column",), "survival": ("time", "event")}


def outcome_columns(outcome):
    """Columns of the patients table that hold the outcome; none in a study without.

    Parameters
    ----------
    outcome : dict
        The ``outcome`` section of the configuration.
    """
    return [outcome[name] for name in KEYS_OF[outcome["type"]] if outcome[name]]


def event_column(outcome):
    """Column that says whether the outcome happened; None in a study without an outcome."""
    return outcome["event" if outcome["type"] == "survival" else "column"]


def is_survival(outcome):
    """Whether an ``outcome`` section is of times to an event."""
    return outcome["type"] == "survival"


def outcome_faults(config):
    """Faults of the outcome section, and of steps and estimators that learn from the other kind of outcome.

    Parameters
    ----------
    config : dict
        Complete configuration.

    Returns
    -------
    list of str
    """
    outcome = config["outcome"]
    faults = _key_faults(outcome) + (_horizon_faults(outcome) if is_survival(outcome) else [])
    if not outcome_columns(outcome):
        return faults
    kind, other = outcome["type"], "binary" if is_survival(outcome) else "survival"
    faults += [
        f"config: signatures.{name}.steps has {step}, which learns from a {other} outcome; this study's is {kind}. "
        f"Use {INSTEAD[step]}."
        for name, signature in config["signatures"].items()
        for entry in signature["steps"]
        for step in entry
        if step in STEPS_OF[other]
    ]
    *others, last = [name for name, words in WORDS.items() if words.outcome == kind]
    fitting = f"{', '.join(others)} or {last}" if others else last
    if is_survival(outcome) and config["clinical_factors"]["flow"] == "stepwise":
        faults.append(
            "config: clinical_factors.flow is stepwise, which is for a binary outcome. Use univariable or all."
        )
    return faults + [
        f"config: models.{name}.estimator is {model['estimator']}, which predicts a {other} outcome; this study's is "
        f"{kind}. Use {fitting}."
        for name, model in config["models"].items()
        if WORDS[model["estimator"]].outcome != kind
    ]


def _key_faults(outcome):
    """Keys of the other kind, and a survival outcome that lacks its time or its event."""
    kind, other = outcome["type"], "binary" if is_survival(outcome) else "survival"
    faults = [
        f"config: outcome.{key} belongs to a {other} outcome, and outcome.type is {kind}. Remove it, or set the type."
        for key in KEYS_OF[other]
        if outcome[key]
    ]
    lacking = [key for key in KEYS_OF["survival"] if is_survival(outcome) and not outcome[key]]
    return faults + [f"config: outcome.{key} is empty. Name its column of the patients table." for key in lacking]


def _horizon_faults(outcome):
    horizons = outcome["horizons"]
    if not horizons:
        example = "[12, 24]" if outcome["unit"] == "months" else f"times in {outcome['unit']}"
        return [
            f"config: outcome.horizons is empty. Name the times at which risks are predicted, for example {example}."
        ]
    if horizons != sorted(horizons):
        return [f"config: outcome.horizons are {', '.join(f'{t:g}' for t in horizons)}. Give them in ascending order."]
    return []
