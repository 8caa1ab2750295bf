"""Faults of nested habitats that the schema cannot see, by configuration alone."""

from habitat_radiomics.outcome_settings import SCORE_STEPS, event_column, is_survival

NEEDED = {
    "force_2d": False,
    "distances": [1],
    "weighting_norm": None,
    "pad_voxels": None,
}  # of features that are mapped
BINARY_STEPS = ("complete", "zscore", "anova", "t_or_u", "select_k_best", "correlation")


def nested_faults(config):
    """Faults of the nested sets of a complete configuration (list of str)."""
    return [fault for name, chosen in config["nested"].items() for fault in _faults(f"nested.{name}", chosen, config)]


def _faults(where, chosen, config):
    faults = []
    if not event_column(config["outcome"]):
        faults.append(f"config: {where} learns aggressiveness from an outcome, and the study has none. Name it.")
    if "tumour" not in config["regions"]["names"]:
        faults.append(f"config: {where} learns from the tumour, which is not among regions.names. Add it.")
    faults += [f"config: {where}.steps ends in a support vector machine; {_why_not(step)}" for step in _others(chosen)]
    if chosen["horizon"] and not is_survival(config["outcome"]):
        faults.append(f"config: {where}.horizon is for outcomes of times to an event. Remove it.")
    return faults + _feature_faults(where, chosen, config)


def _others(chosen):
    """Selection steps that a nested model cannot take."""
    return [name for step in chosen["steps"] for name in step if name not in BINARY_STEPS]


def _why_not(step):
    reason = "is a score of its own" if step in SCORE_STEPS else "is none of its selection steps"
    return f"{step} {reason}. Allowed: {', '.join(BINARY_STEPS)}."


def _feature_faults(where, chosen, config):
    """Settings of features under which maps would be of something else than the table."""
    sections = {"features": config["features"]}
    for sequence in chosen["sequences"]:
        own = (config["sequences"].get(sequence) or {}).get("features", {})
        sections[f"sequences.{sequence}.features"] = {**config["features"], **own}
    wrong = {
        key: (section[key], needed)
        for section in sections.values()
        for key, needed in NEEDED.items()
        if section.get(key, needed) != needed
    }
    return [
        f"config: {where} maps features about every voxel, for which features.{key} must be {needed}; found {found}. "
        "Leave it out."
        for key, (found, needed) in wrong.items()
    ]
