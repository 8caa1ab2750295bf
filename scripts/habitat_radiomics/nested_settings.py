"""What the steps of nested habitats depend on, and which of their settings do not go together."""

from habitat_radiomics.local_names import bank_names
from habitat_radiomics.outcome_settings import is_survival
from habitat_radiomics.settings import feature_settings, region_bank

REGION = "tumour"


def neighbourhoods(study, name):
    """Sequences, radius, and by sequence the bank, the settings of the features and those that are mapped."""
    chosen = study.config["nested"][name]
    return {
        "sequences": chosen["sequences"],
        "radius": chosen["kernel_radius"],
        "by_sequence": {sequence: _of_sequence(study, sequence, chosen) for sequence in chosen["sequences"]},
    }


def _of_sequence(study, sequence, chosen):
    bank = region_bank(study, sequence, REGION, "A")
    names = bank_names(bank, chosen["features"])
    return {"bank": bank, "settings": feature_settings(study, sequence), "names": names}


def nested_fit(study, name):
    """How a nested model is learnt; its features by sequence."""
    chosen, config = study.config["nested"][name], study.config
    same = ("sequences", "k", "steps", "kernel", "cost", "gamma", "censored", "min_fraction", "min_transfer", "tidying")
    return {
        **{key: chosen[key] for key in same},
        "horizon": horizon(config, name),
        "folds": config["training"]["folds"],
        "seed": config["seed"],
        "min_voxels": config["regions"]["min_voxels"],
        "names": {s: _of_sequence(study, s, chosen)["names"] for s in chosen["sequences"]},
        "primary": f"reader{config['reproducibility']['primary_reader']}",
    }


def horizon(config, name):
    """Time by which the event counts: that of the set, else the last of the outcome; None for a binary outcome."""
    if not is_survival(config["outcome"]):
        return None
    return config["nested"][name]["horizon"] or config["outcome"]["horizons"][-1]


def planted(study):
    """Cohort of every patient, for the comparison with the planted subregions of the demo cohort."""
    return {"cohorts": {patient: study.cohorts[patient] for patient in study.patients}}


def writes_maps(config):
    """Whether whole maps are kept: some set asks for it."""
    return any(chosen["write_maps"] for chosen in config["nested"].values())
