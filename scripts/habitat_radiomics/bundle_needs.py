"""What data the models of a bundle need, as a table of values and in plain words."""

import textwrap

from habitat_radiomics import booster_extra, deep_settings
from habitat_radiomics.bundle_config import has_images
from habitat_radiomics.config import members_of
from habitat_radiomics.estimator_words import WORDS
from habitat_radiomics.habitat_sets import all_sets, region_names
from habitat_radiomics.outcome_settings import is_survival, outcome_columns

AXES = ("x", "y", "z")
WIDTH = 100


def needs_of(config, ranges):
    """Return what new patients have to bring: sequences, masks, clinical columns, and what each model uses.

    Parameters
    ----------
    config : dict
        See `bundle_config.kept_config`.
    ranges : dict
        See `training_ranges.training_ranges`, with ``site_column`` and ``sites``.
    """
    return {
        "images": has_images(config),
        "sequences": [_sequence_needs(config, name, ranges) for name in config["sequences"]],
        "features": {name: sorted(spans) for name, spans in ranges["features"].items()},
        "reader": config["reproducibility"]["primary_reader"],
        "mask_label": config["regions"]["mask_label"],
        "clinical": [_clinical_needs(config, name, ranges) for name in config["clinical"]],
        "site": _site_needs(config, ranges),
        "outcome": {
            "columns": outcome_columns(config["outcome"]),
            "survival": is_survival(config["outcome"]),
            "unit": config["outcome"]["unit"],
            "label": config["outcome"]["label"],
        },
        "models": [_model_needs(config, name) for name in config["models"]],
        "nested": list(config["nested"]),
        "network": bool(deep_settings.sequences(config)),
        "boosters": booster_extra.asked_for(config),
        "patients": ranges["patients"],
    }


def _sequence_needs(config, name, ranges):
    measured = ranges["scans"].get(name, {})
    spacing = [measured[f"spacing_{axis}_mm"] for axis in AXES] if measured else []
    return {
        "name": name,
        "mask": config["reference"] in (None, name),
        "spacing_mm": [[part["low"], part["high"]] for part in spacing],
    }


def _clinical_needs(config, name, ranges):
    variable, seen = config["clinical"][name], ranges["clinical"][name]
    shared = {"column": name, "type": variable["type"], "unit": variable["unit"], "label": variable["label"]}
    if variable["type"] == "category":
        return {**shared, "levels": variable["levels"], "seen": seen["levels"]}
    return {**shared, "range": [seen["low"], seen["high"]]}


def _site_needs(config, ranges):
    """The column of the centre, whether it has to be filled in, and what happens to a centre that is new."""
    combat = config["harmonise"]["method"] == "combat"
    column = config["harmonise"]["batch"] if combat else ranges["site_column"]
    known = sorted({batch for batches in ranges["batches"].values() for batch in batches}) or ranges["sites"]
    rule = {"unseen": config["harmonise"]["unseen"], "fewest": config["harmonise"]["min_patients"]} if combat else {}
    covariates = config["harmonise"]["covariates"] if combat else []
    return {"column": column, "required": combat, "known": known, "covariates": covariates, **rule}


def _model_needs(config, name):
    model = config["models"][name]
    return {
        "name": name,
        "label": model["label"] or name,
        "kind": WORDS[model["estimator"]].name,
        "clinical": model["clinical"],
        "sequences": model_sequences(config, name),
        "holds_values": model["estimator"] not in ("logistic", "cox"),
    }


def model_sequences(config, name):
    """Return the sequences behind a model, those of its habitats among them, in the order of the study."""
    used = set()
    for signature in config["models"][name]["signatures"]:
        for member in members_of(config, signature):
            chosen = config["signatures"][member]
            used |= set(chosen.get("sequences", config["sequences"]))
            sets = [own for name, own in all_sets(config).items() if region_names([name], chosen["regions"])]
            used |= {sequence for own in sets for sequence in own["sequences"]}
    return [sequence for sequence in config["sequences"] if sequence in used]


# In words ---------------------------------------------------------------------------------------------------------


def needs_text(needs, *, study):
    """Return the needs as a text to read before data are collected."""
    paragraphs = [
        f"Models of the study {study}, to be applied to new patients. They were fitted on {needs['patients']} others.",
        "Apply them with: make apply BUNDLE=bundle.zip PATIENTS=patients.tsv IMAGES=images.tsv OUT=my_centre",
        "This file holds fitted models, cut-offs, settings and ranges of the training patients. It holds no row, "
        "image or identifier of a patient; fitted objects carry digests of the training identifiers, by which whoever "
        "knows an identifier already can recognise the patient." + _held_values(needs),
        "A research tool, not for diagnosis.",
    ]
    if needs["network"]:
        paragraphs.insert(2, "Scores take features of a pretrained network that is in this file: run `make deep` once.")
    if needs["boosters"]:
        paragraphs.insert(2, f"Models need {' and '.join(needs['boosters'])}: run `make boosting` once.")
    parts = [
        _filled(paragraphs),
        *(_image_parts(needs) if needs["images"] else [_listed("Tables of features", _feature_lines(needs))]),
        _listed("Columns of patients.tsv beside patient", _column_lines(needs)),
        _listed("Models", map(_model_line, needs["models"])),
    ]
    return "\n\n".join(parts) + "\n"


def _image_parts(needs):
    return [
        _listed("Images (images.tsv: patient, sequence, image, mask)", map(_sequence_line, needs["sequences"])),
        _listed("Masks", _mask_lines(needs)),
    ]


def _feature_lines(needs):
    """Features that the scores take; the tables need all columns that the study had."""
    yield "One table for each sequence and region, with all columns that the study had (data.features of config.yaml)."
    for name, features in needs["features"].items():
        yield f"Signature {name} takes {', '.join(features) or 'none of them'}."


def _filled(paragraphs):
    return "\n\n".join(textwrap.fill(text, WIDTH) for text in paragraphs)


def _listed(title, lines):
    shown = [textwrap.fill(line, WIDTH, initial_indent="- ", subsequent_indent="  ") for line in lines]
    return "\n".join([title, "-" * len(title), *(shown or ["- none"])])


def _held_values(needs):
    names = [model["label"] for model in needs["models"] if model["holds_values"]] + needs["nested"]
    if not names:
        return ""
    mapped = (
        f" A patient with the identifier of a training patient is mapped ({', '.join(needs['nested'])}), as in the "
        "study, by a machine that was fitted without that patient: the stored predictions come back."
    )
    return (
        f" Models other than regressions ({', '.join(names)}) hold values of training patients without their "
        "identifiers: standardised predictors (support vectors, nearest neighbours), or scores behind calibration."
        + (mapped if needs["nested"] else "")
    )


def _sequence_line(sequence):
    spacing = " x ".join(span(low, high) for low, high in sequence["spacing_mm"])
    seen = f", voxels of {spacing} mm in training" if spacing else ""
    drawn = "with a mask" if sequence["mask"] else "registered to the reference sequence, no mask of its own"
    return f"{sequence['name']}: one image a patient, {drawn}{seen}."


def _mask_lines(needs):
    label = needs["mask_label"]
    value = "any value above 0" if label is None else f"label {label}"
    return [f"The tumour is {value}, on the grid of its image. The reading used is that of reader {needs['reader']}."]


def _column_lines(needs):
    yield from map(_clinical_line, needs["clinical"])
    site, known = needs["site"], ", ".join(needs["site"]["known"]) or "none named"
    use = "ComBat removes differences between centres by it" if site["required"] else "centres are compared by it"
    yield f"{site['column']}: {'needed of every patient' if site['required'] else 'optional'}; {use}. Known: {known}."
    columns, outcome = " and ".join(needs["outcome"]["columns"]), needs["outcome"]
    coding = f"time in {outcome['unit']}, and 1 (happened) or 0" if outcome["survival"] else "1 (happened) or 0"
    yield f"{columns}: optional, the outcome ({coding}). Where it is known the models are validated on it."


def _clinical_line(variable):
    unit = f" ({variable['unit']})" if variable["unit"] else ""
    if variable["type"] == "category":
        return f"{variable['column']}{unit}: one of {', '.join(variable['levels'])}; empty where unknown."
    return f"{variable['column']}{unit}: a number, {span(*variable['range'])} in training; empty where unknown."


def _model_line(model):
    inputs = [", ".join(names) for names in (model["sequences"], model["clinical"]) if names]
    return f"{model['label']} ({model['kind']}): {'; '.join(inputs)}."


def span(low, high):
    """Return ``0.5`` or ``0.5 to 0.8``."""
    shown = [f"{value:.4g}" for value in (low, high)]
    return shown[0] if shown[0] == shown[1] else " to ".join(shown)
