"""What a bundle holds of a study, and what each step of applying one depends on, as plain values; see `settings`."""

import json

from habitat_radiomics import settings
from habitat_radiomics.bundle_config import kept_config
from habitat_radiomics.outcome_settings import event_column, is_survival

FEWEST_JUDGED = 10  # patients of a known outcome, below which no validation is attempted


def training_description(study):
    """What new patients are compared with the training patients by: sequences, signatures, variables, centres."""
    site, patients = study.config["split"]["site_column"], study.in_cohort("train")
    return {
        "sequences": study.sequences if study.has_images else [],
        "signatures": list(study.config["signatures"]),
        "variables": {name: settings.variable(variable) for name, variable in study.config["clinical"].items()},
        "site_column": site,
        "sites": sorted({study.patients[patient].get(site) or "" for patient in patients} - {""}),
    }


def bundle(study):
    """Name of the study, and what travels with its models; as text, because the order of names matters there."""
    text = json.dumps(settings.public_config(kept_config(study.config)), indent=1, ensure_ascii=False)
    return {"study": study.config["study"], "config_text": text + "\n"}


def judges(study):
    """Whether enough outcomes are known to validate models on: patients with the event and, if binary, without it."""
    column = event_column(study.config["outcome"])
    rows = settings.outcome_rows(study, list(study.patients)) if column else []
    known = [row.get("event", row.get("outcome")) for row in rows]
    known = [value for value in known if value is not None]
    classes = {1} if is_survival(study.config["outcome"]) else {0, 1}
    return len(known) >= FEWEST_JUDGED and classes <= set(known)


def comparison(study):
    """What patients are compared with the training patients of a bundle by."""
    config = study.config
    models = config["models"].items()
    return {
        "signatures": list(config["signatures"]),
        "models": list(config["models"]),
        "sequences": study.sequences if study.has_images else [],
        "described": [
            {"name": n, "label": settings.model_label(config, n), **{key: m[key] for key in ("signatures", "clinical")}}
            for n, m in models
        ],
        "variables": settings.described(config)["variables"],
        "normalised": {s: settings.intensity(study, s)["method"] != "none" for s in study.sequences},
        "excluded": {patient: list(reason) for patient, reason in study.excluded.items()},
        "sites": {p: row.get(config["split"]["site_column"]) for p, row in study.patients.items()},
    }


def application(study):
    """What the page on applied models says of them; orders are lists because JSON files here have sorted keys."""
    described = settings.report(study)
    known = settings.outcome_rows(study, list(study.patients))
    return {
        **{name: described[name] for name in ("config", "orders", "cohorts", "reference", "headline")},
        "screened": study.screened,
        "judges": judges(study),
        "outcomes": sum(row.get("event", row.get("outcome")) is not None for row in known),
    }
