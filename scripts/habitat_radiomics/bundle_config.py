"""Which part of a study's configuration travels with its models, and the configuration of a study that applies them."""

from habitat_radiomics import deep_settings
from habitat_radiomics.config import nearest
from habitat_radiomics.faults import StudyFault

KEPT = ("seed", "sequences", "reference", "clinical", "outcome", "preprocess", "intensity", "regions", "habitats")
KEPT += (
    "nested",
    "features",
    "deep",
    "quality",
    "reproducibility",
    "harmonise",
    "signatures",
    "models",
    "training",
    "validation",
)
OWN = ("study", "bundle", "data", "report")


def kept_config(config):
    """Return what new patients are processed and predicted by, of a complete configuration.

    Left out is what concerns the patients and folders of the study itself: tables, split, patients shown, resampling.
    """
    return {
        **{name: config[name] for name in KEPT},
        "split": {"site_column": config["split"]["site_column"]},
        "data": {
            "geometry_tolerance_mm": config["data"]["geometry_tolerance_mm"],
            "incomplete_patients": "exclude",
            "source": "tables" if has_images(config) else "features",
        },
        "bootstrap": {"replicates": 0},
    }


def applied_config(own, kept):
    """Return the configuration of a study whose models come from a bundle.

    Parameters
    ----------
    own : dict
        As written by whoever applies the bundle: `OWN` keys only.
    kept : dict
        `kept_config` of the study that made it.

    Raises
    ------
    StudyFault
        For keys that the bundle decides.
    """
    foreign = [name for name in own if name not in OWN]
    if foreign:
        hint = nearest(foreign[0], OWN)
        advice = f"Did you mean '{hint}'?" if hint else "Remove it."
        raise StudyFault(
            f"config: '{foreign[0]}' cannot be set beside bundle, because the bundle brings it. Allowed: "
            f"{', '.join(OWN)}. {advice}"
        )
    return {**kept, **own, "data": {**kept["data"], **(own.get("data") or {})}}


def has_images(config):
    """Whether features come from images, and not from tables that the study brought."""
    return config["data"]["source"] != "features"


def learnt_members(config):
    """Return the paths of everything a study has to have learnt before it can be applied, below its results."""
    sequences = config["sequences"] if has_images(config) else {}
    nyul = [s for s in sequences if _intensity_method(config, s) == "nyul"]
    return [
        *(f"select/{name}/signature.skops" for name in config["signatures"]),
        *(f"train/{name}/{file}" for name in config["models"] for file in ("model.skops", "cutoff.json")),
        *(f"habitats/{name}/habitats.json" for name in (*config["habitats"], *config["nested"])),
        *(f"preprocess/intensity_scale.{name}.json" for name in nyul),
        *(f"features/network.{kind}" for kind in ("onnx", "json") if deep_settings.sequences(config)),
    ]


def _intensity_method(config, sequence):
    return {**config["intensity"], **(config["sequences"][sequence] or {}).get("intensity", {})}["method"]
