"""What is extracted, as plain data: banks (image filters x feature classes) and extraction settings.

This module needs no imaging library, so that a study's configuration is checked before any job starts.
"""

import difflib

from habitat_radiomics.feature_names import CLASS_FEATURES, DEPRECATED_SHAPE_FEATURES, SHAPE_FEATURES

# Options of each image type with pyradiomics' names and defaults; None: must be given.
IMAGE_TYPES = {
    "Original": {},
    "Wavelet": {"wavelet": "coif1", "level": 1, "start_level": 0},
    "LoG": {"sigma": None},
    "Square": {},
    "SquareRoot": {},
    "Logarithm": {},
    "Exponential": {},
    "Gradient": {"gradientUseSpacing": True},
    "LBP2D": {"lbp2DRadius": 1, "lbp2DSamples": 8, "lbp2DMethod": "uniform"},
    "LBP3D": {"lbp3DLevels": 2, "lbp3DIcosphereRadius": 1, "lbp3DIcosphereSubdivision": 1},
}
BIN_OPTIONS = ("bin_width", "bin_count")  # any image type may be discretised in its own way

POINTWISE = {"Square": {}, "SquareRoot": {}, "Logarithm": {}, "Exponential": {}}
ALL_CLASSES = {name: [] for name in CLASS_FEATURES}
# pyradiomics' example settings for MR: no NGTDM, and of the GLCM features neither SumAverage (twice
# JointAverage) nor MCC.
EXAMPLE_MR_CLASSES = {
    "firstorder": [],
    "glcm": [name for name in CLASS_FEATURES["glcm"] if name not in ("MCC", "SumAverage")],
    "glrlm": [],
    "glszm": [],
    "gldm": [],
}

BANKS = {
    "A": {
        "image_types": {"Original": {}, "Wavelet": {}, "LoG": {"sigma": [1.0, 3.0, 5.0]}},
        "classes": ALL_CLASSES,
        "shape": True,
        "deprecated_shape": False,
    },
    "B": {
        "image_types": {"Original": {}, "Wavelet": {}, **POINTWISE, "Gradient": {}, "LBP2D": {}},
        "classes": ALL_CLASSES,
        "shape": True,
        "deprecated_shape": False,
    },
    "C": {
        "image_types": {
            "Original": {},
            "Wavelet": {},
            "LoG": {"sigma": [2.0, 3.0, 4.0, 5.0]},
            **POINTWISE,
            "Gradient": {},
            "LBP2D": {},
            "LBP3D": {},
        },
        "classes": EXAMPLE_MR_CLASSES,
        "shape": True,
        "deprecated_shape": False,
    },
    "D": {
        "image_types": {"Original": {}},
        "classes": ALL_CLASSES,
        "shape": False,
        "deprecated_shape": False,
    },
}
BANKS["A_deprecated"] = {**BANKS["A"], "deprecated_shape": True}
BANK_DEFAULTS = {"classes": ALL_CLASSES, "shape": True, "deprecated_shape": False}

DEFAULT_SETTINGS = {
    "bin_width": 25,
    "bin_count": None,
    "force_2d": False,
    "force_2d_dimension": 0,
    "distances": [1],
    "weighting_norm": None,
    "gldm_alpha": 0,
    "voxel_array_shift": 0,
    "resegment_range": None,
    "outlier_sd": None,
    "min_voxels": 8,
    "pad_voxels": None,
}
WEIGHTING_NORMS = ("infinity", "euclidean", "manhattan", "no_weighting")


def bank_of(bank):
    """Return the complete bank: a named one from ``BANKS``, or the user's own with its defaults filled in.

    The named banks count, in 3-D, per sequence and region:

    ============  ========================================================================  =====
    A             original, 8 wavelet bands, LoG sigma 1, 3, 5 mm; 93 x 12 + 14 shape       1130
    A_deprecated  the same and the three shape features pyradiomics calls deprecated        1133
    B             original, 8 wavelet bands, square, square root, logarithm, exponential,
                  gradient, LBP-2D; 93 x 15 + 14 shape                                      1409
    C             original, 8 wavelet bands, LoG sigma 2, 3, 4, 5 mm, the six of B, three
                  LBP-3D maps; 86 x 22 + 14 shape                                           1906
    D             original, without shape                                                     93
    ============  ========================================================================  =====

    C: the sarcoma study (Liang et al., Front Oncol 2026) states 1906 features per sequence without their
    composition. 93 features an image cannot give 1906. pyradiomics' own example settings for MR (86
    features an image: no NGTDM, no SumAverage, no MCC; LoG 2-5 mm) with all its filters switched on give
    exactly 1906, so this is taken; it remains an inference. The same study's 93 for habitats is D.

    LBP-2D has ten values (0 to 9): with a bin width of 25 its textures are those of a flat region, as in
    pyradiomics. A user's bank may say ``"LBP2D": {"bin_width": 1}``.

    Parameters
    ----------
    bank : str or dict
        Name, or ``{"image_types": {type: options}, "classes": list or {class: [features]}, "shape": bool,
        "deprecated_shape": bool}``. An empty list of features means all of the class. Options of an image
        type are pyradiomics' (``sigma`` in mm, ``wavelet``, ``level``, ...) and ``bin_width`` or
        ``bin_count`` for this image type alone.

    Returns
    -------
    dict
        With all four keys; ``classes`` maps class to feature names, sigmas are floats (so that 1 and 1.0
        give the same feature name).

    Raises
    ------
    ValueError
        With the sentence of ``bank_fault``.
    """
    fault = bank_fault(bank)
    if fault:
        raise ValueError(fault)
    bank = {**BANK_DEFAULTS, **(BANKS[bank] if isinstance(bank, str) else bank)}
    chosen = _classes(bank["classes"])
    bank["classes"] = {name: list(names or CLASS_FEATURES[name]) for name, names in chosen.items()}
    bank["image_types"] = {kind: _options(options) for kind, options in bank["image_types"].items()}
    return bank


def feature_names(bank, *, force_2d=False):
    """Return the feature names of a bank exactly as pyradiomics writes them, in a fixed order.

    Shape comes first, then image by image, class by class; no extraction is needed to know them.

    Parameters
    ----------
    bank : str or dict
        See ``bank_of``.
    force_2d : bool
        With slice-wise extraction the wavelet has four bands (``wavelet-LH``) instead of eight.

    Returns
    -------
    list of str
        For example ``original_shape_Elongation``, ``wavelet-LLH_glcm_Contrast``.
    """
    bank = bank_of(bank)
    names = [f"original_shape_{name}" for name in shape_feature_names(bank)]
    for kind, options in bank["image_types"].items():
        for image in image_names(kind, options, force_2d=force_2d):
            names += intensity_feature_names(image, bank["classes"])
    return names


def shape_feature_names(bank):
    """Return the shape features (without prefix) of a complete bank; empty when it has none."""
    if not bank["shape"]:
        return []
    return [*SHAPE_FEATURES, *(DEPRECATED_SHAPE_FEATURES if bank["deprecated_shape"] else ())]


def intensity_feature_names(image, classes):
    """Return the names of all features of one (filtered) image, ``classes`` mapping class to features."""
    return [f"{image}_{name}_{feature}" for name, features in classes.items() for feature in features]


def image_names(kind, options, *, force_2d=False):
    """Return the names pyradiomics gives to the images that one image type yields, in its order."""
    options = {**IMAGE_TYPES[kind], **options}
    if kind == "Wavelet":
        return _wavelet_names(options["level"], axes=2 if force_2d else 3)
    if kind == "LoG":
        return [f"log-sigma-{str(sigma).replace('.', '-')}-mm-3D" for sigma in options["sigma"]]
    if kind == "LBP2D":
        return ["lbp-2D"]
    if kind == "LBP3D":
        return [*(f"lbp-3D-m{level + 1}" for level in range(options["lbp3DLevels"])), "lbp-3D-k"]
    return [kind.lower()]


def _wavelet_names(levels, axes):
    """All bands of each level except the approximation, which only the last level yields, and last."""
    bands = [format(code, f"0{axes}b").replace("0", "L").replace("1", "H") for code in range(1, 2**axes)]
    prefixes = ["wavelet" if level == 1 else f"wavelet{level}" for level in range(1, levels + 1)]
    names = [f"{prefix}-{band}" for prefix in prefixes for band in bands]
    return [*names, f"{prefixes[-1]}-{'L' * axes}"]


def _classes(classes):
    return classes if isinstance(classes, dict) else {name: [] for name in classes}


def _options(options):
    options = dict(options or {})
    if "sigma" in options:
        options["sigma"] = [float(sigma) for sigma in options["sigma"]]
    return options


def bank_fault(bank):
    """Say what is wrong with a bank in one sentence, with the nearest valid name; None when it is right.

    Parameters
    ----------
    bank : str or dict
        See ``bank_of``.
    """
    if isinstance(bank, str):
        return None if bank in BANKS else _unknown("bank", bank, BANKS)
    keys = ("image_types", *BANK_DEFAULTS)
    unknown = [key for key in bank if key not in keys]
    if unknown:
        return _unknown("key of a bank", unknown[0], keys)
    faults = [
        *(_image_type_fault(kind, options) for kind, options in bank.get("image_types", {}).items()),
        *(_class_fault(name, features) for name, features in _classes(bank.get("classes", {})).items()),
        *(_flag_fault(key, bank[key]) for key in ("shape", "deprecated_shape") if key in bank),
        _emptiness_fault(bank),
    ]
    return next((fault for fault in faults if fault), None)


def _unknown(what, word, words):
    hint = nearest(word, words)
    advice = f"did you mean '{hint}'?" if hint else f"allowed: {', '.join(words)}."
    return f"unknown {what} '{word}': {advice}"


def nearest(word, words):
    """Return the most similar of ``words``, whatever the case of its letters; None when nothing is alike."""
    lower = {str(each).lower(): str(each) for each in words}
    found = difflib.get_close_matches(str(word).lower(), list(lower), n=1, cutoff=0.5)
    return lower[found[0]] if found else None


def _image_type_fault(kind, options):
    if kind not in IMAGE_TYPES:
        return _unknown("image type", kind, IMAGE_TYPES)
    options = options or {}
    allowed = [*IMAGE_TYPES[kind], *BIN_OPTIONS]
    unknown = [option for option in options if option not in allowed]
    if unknown:
        return _unknown(f"option of image type {kind}", unknown[0], allowed)
    if kind == "LoG" and not _distinct_positive(options.get("sigma")):
        return "image type LoG needs sigma, a list of different numbers above 0 in mm, for example [1, 3, 5]."
    if "wavelet" in options and options["wavelet"] not in _wavelets():
        return _unknown("wavelet", options["wavelet"], _wavelets())
    if not _whole(options.get("level", 1), 1) or not _whole(options.get("lbp3DLevels", 1), 1):
        return f"image type {kind}: the number of levels must be a whole number, 1 or more."
    if all(options.get(option) is not None for option in BIN_OPTIONS):
        return f"image type {kind}: give bin_width or bin_count, not both."
    return _bin_fault(options, f"image type {kind}")


def _wavelets():
    import pywt  # only when a bank names its wavelet: the other checks need no imaging library

    return pywt.wavelist(kind="discrete")


def _class_fault(name, features):
    if name not in CLASS_FEATURES:
        return _unknown("feature class", name, CLASS_FEATURES)
    unknown = [feature for feature in features or () if feature not in CLASS_FEATURES[name]]
    return _unknown(f"feature of class {name}", unknown[0], CLASS_FEATURES[name]) if unknown else None


def _flag_fault(key, value):
    return None if isinstance(value, bool) else f"{key} of a bank must be true or false, found {value!r}."


def _emptiness_fault(bank):
    textures = bank.get("image_types") and bank.get("classes", ALL_CLASSES)
    if not textures and not bank.get("shape", True):
        return "the bank is empty: give image_types and classes, or shape: true."
    return None


def _bin_fault(options, where):
    """Complain of a bin width or count that is not a positive number."""
    width, count = options.get("bin_width"), options.get("bin_count")
    if width is not None and not _positive_numbers([width]):
        return f"{where}: bin_width must be a number above 0, found {width!r}."
    if count is not None and not _whole(count, 2):
        return f"{where}: bin_count must be a whole number, 2 or more, found {count!r}."
    return None


def _distinct_positive(values):
    return _positive_numbers(values) and len(set(values)) == len(values)


def _positive_numbers(values):
    return (
        isinstance(values, (list, tuple)) and len(values) > 0 and all(_number(value) and value > 0 for value in values)
    )


def _number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _whole(value, least):
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def complete_settings(settings):
    """Return the extraction settings with every default filled in.

    ``bin_count`` replaces ``bin_width``, as in pyradiomics.

    Parameters
    ----------
    settings : dict
        ``bin_width`` (intensity units) or ``bin_count``; ``force_2d`` and ``force_2d_dimension`` (0, 1, 2 =
        z, y, x: slices across this axis are treated one by one); ``distances`` (voxels) of GLCM, NGTDM and
        GLDM; ``weighting_norm`` (None: features averaged over directions; else directions merged with
        pyradiomics' weights), ``gldm_alpha``, ``voxel_array_shift`` as pyradiomics' weightingNorm, gldm_a,
        voxelArrayShift; ``resegment_range`` ([low, high], either may be None) and ``outlier_sd`` for the
        intensity mask; ``min_voxels``; ``pad_voxels`` (None: filters see the whole image given).

    Raises
    ------
    ValueError
        With the sentence of ``settings_fault``.
    """
    fault = settings_fault(settings)
    if fault:
        raise ValueError(fault)
    complete = {**DEFAULT_SETTINGS, **settings}
    if complete["bin_count"] is not None:
        complete["bin_width"] = None
    elif complete["bin_width"] is None:
        complete["bin_width"] = DEFAULT_SETTINGS["bin_width"]
    return complete


def settings_fault(settings):
    """Say what is wrong with extraction settings in one sentence; None when they are right."""
    unknown = [key for key in settings if key not in DEFAULT_SETTINGS]
    if unknown:
        return _unknown("extraction setting", unknown[0], DEFAULT_SETTINGS)
    norm = settings.get("weighting_norm")
    if norm is not None and norm not in WEIGHTING_NORMS:
        return _unknown("weighting_norm", norm, WEIGHTING_NORMS)
    return _bin_fault(settings, "extraction settings") or _range_fault(settings) or _size_fault(settings)


def _range_fault(settings):
    limits, outlier_sd = settings.get("resegment_range"), settings.get("outlier_sd")
    if limits is not None:
        known = [limit for limit in limits if limit is not None]
        if len(limits) != 2 or not known or not all(map(_number, known)) or known != sorted(known):
            return f"resegment_range must be [low, high], one of them may be empty; found {limits!r}."
    if outlier_sd is not None and not _positive_numbers([outlier_sd]):
        return f"outlier_sd must be a number of standard deviations above 0, found {outlier_sd!r}."
    return None


def _size_fault(settings):
    distances = settings.get("distances", [1])
    if not isinstance(distances, (list, tuple)) or not distances or not all(_whole(d, 1) for d in distances):
        return f"distances must be a list of whole numbers of voxels, 1 or more; found {distances!r}."
    if settings.get("force_2d_dimension", 0) not in (0, 1, 2):
        return f"force_2d_dimension must be 0, 1 or 2 (z, y, x); found {settings['force_2d_dimension']!r}."
    for key, least in (("min_voxels", 1), ("pad_voxels", 0)):
        if settings.get(key) is not None and not _whole(settings[key], least):
            return f"{key} must be a whole number, {least} or more; found {settings[key]!r}."
    return None
