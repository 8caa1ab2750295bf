"""How nested habitats were made, in words, composed from the settings that really ran."""

from habitat_radiomics.labels import count, percent
from habitat_radiomics.outcome_settings import is_survival

CENSORED = {
    "weight": "patients censored before were left out and the others weighted by the inverse probability of censoring",
    "exclude": "patients censored before were left out",
}
KERNELS = {"rbf": "Gaussian", "linear": "linear"}


def nested_text(config):
    """How every nested set was learnt and applied; empty in a study without."""
    return " ".join(_set_text(name, config) for name in config.get("nested", {}))


def _set_text(name, config):
    chosen = config["nested"][name]
    side = 2 * chosen["kernel_radius"] + 1
    kernel = f"{KERNELS[chosen['kernel']]} kernel, cost {chosen['cost']:g}"
    return (
        f"Nested habitats ({name}): a support vector machine ({kernel}) of features of the whole tumour in "
        f"{' and '.join(chosen['sequences'])} was fitted to the training patients{_horizon_text(config, chosen)}, with "
        "probabilities by Platt's sigmoid of decision values of machines that did not see the patient. Features were "
        "offered whose correlation, over tumours, with the mean of their local counterparts is "
        f"{chosen['min_transfer']:g} or more: others mean something else in a neighbourhood. The same "
        f"features were computed about every voxel ({side} x {side} x {side} voxels, within the tumour), standardised "
        "by their own mean and spread over the voxels of the training patients, each patient weighing the same, and "
        "given to the machine: a training patient's to one fitted without the patient's fold (of "
        f"{count(config['training']['folds'])}), selection and scale included. K-means of the map and the intensities, "
        f"each in standard deviations of the tumour, divided it into {count(chosen['k'])} subregions, those below "
        f"{percent(chosen['min_fraction'])} of the tumour joined to the nearest in probability; {name}{chosen['k']} is "
        "the one with the highest mean probability."
    )


def _horizon_text(config, chosen):
    if not is_survival(config["outcome"]):
        return ""
    at = chosen["horizon"] or config["outcome"]["horizons"][-1]
    return f" (event by {at:g} {config['outcome']['unit']}; {CENSORED[chosen['censored']]})"
