"""The methods paragraph of a study, composed from the settings that really ran."""

from pathlib import PurePath

from habitat_radiomics import deep_settings, methods_survival
from habitat_radiomics.banks import BANKS, bank_of, feature_names
from habitat_radiomics.config import overridden, signature_steps
from habitat_radiomics.estimator_words import SIMPLICITY, WORDS
from habitat_radiomics.habitat_sets import region_names
from habitat_radiomics.labels import CLASSES, CRITERIA, count, percent
from habitat_radiomics.methods_nested import nested_text
from habitat_radiomics.outcome_settings import event_column, is_survival

INTENSITIES = {
    "zscore": "grey values were normalised to mean 0 and standard deviation {scale:g} of the body",
    "range_0_255": "grey values between the percentiles 0.5 and 99.5 of the body were mapped to 0 to 255",
    "nyul": "grey values were matched to histogram landmarks learnt from the training patients (Nyúl 2000)",
    "none": "grey values were used as they are",
}
INTERPOLATORS = {"bspline": "cubic B-spline", "linear": "linear", "nearest": "nearest-neighbour"}
BIAS_ENGINES = {"fast": "separable implementation", "reference": "ITK"}
REGIONS = {
    "tumour": "the tumour as drawn",
    "peritumour": "the peritumoural shell of {margin_mm:g} mm around it, clipped to the body",
    "expansion": "tumour and shell of {margin_mm:g} mm together (expansion)",
}
STEPS = {
    "icc": "ICC above {threshold:g} between and within readers",
    "stable": "for habitats, ICC above {threshold:g} under small changes",
    "complete": "at most {share} missing values (the rest filled with the training median)",
    "zscore": "standardisation by training mean and standard deviation",
    "anova": "one-way analysis of variance, p < {alpha:g}{corrected}",
    "t_or_u": "Student's t or Mann-Whitney U test by normality (Shapiro-Wilk), p < {alpha:g}{corrected}",
    "select_k_best": "the {k} features with the largest ANOVA F",
    "correlation": "of features correlated above {threshold:g} (absolute Pearson) the one with the larger {strength}",
    "lasso": "logistic LASSO with the penalty {rule} of {folds}-fold cross-validation",
    "univariable_cox": "univariable Cox regression, likelihood-ratio p < {alpha:g}{corrected}",
    "cox_lasso": "Cox LASSO with the penalty {rule} of {folds}-fold cross-validation (partial-likelihood deviance)",
}
YOUDEN = "The cut-off of each model maximises Youden's index on the training patients."
SURVIVAL_CUT = (
    "The cut of each score has the largest standardised log-rank statistic among those that leave at least 10 % of the "
    "training patients on either side (Lausen and Schumacher 1992), its p corrected for the search."
)
RULES = {"min": "of smallest deviance", "1se": "within one standard error of the smallest deviance"}
CALCULATING = {name.lower(): name for name in ("Python", "Snakemake", "SimpleITK", "pyradiomics", "numba", "numpy")}
CALCULATING |= {name: name for name in ("scipy", "scikit-learn", "statsmodels", "lifelines", "pandas", "matplotlib")}
PROPORTIONS = {"wilson": "Wilson's method", "clopper-pearson": "the method of Clopper and Pearson"}


def methods_text(config, *, orders, reference, versions):
    """Return the methods as paragraphs; each names only what this study did.

    Parameters
    ----------
    config : dict
        Complete configuration.
    orders : dict
        Names of ``sequences``, ``clinical``, ``signatures`` and ``models`` in the order of the study.
    reference : str
        Model the others are compared with.
    versions : dict
        Package to version, as recorded when the study ran.

    Returns
    -------
    list of (title, str)
    """
    of_time = is_survival(config["outcome"])
    validation = methods_survival.validation_text if of_time else validation_text
    calibration = methods_survival.calibration_text if of_time else calibration_text
    bootstrap = methods_survival.bootstrap_text if of_time else bootstrap_text
    paragraphs = [
        ("Patients", patients_text(config)),
        *(_given_paragraphs(config) if config["data"]["source"] == "features" else _image_paragraphs(config, orders)),
        ("Reproducibility", reproducibility_text(config)),
        ("Harmonisation", methods_survival.harmonise_text(config)),
        ("Selection", selection_text(config, orders["signatures"])),
        ("Models", models_text(config, orders["models"])),
        ("Validation", validation(config, reference)),
        ("Calibration and usefulness", calibration(config)),
        ("Optimism", bootstrap(config)),
        ("Software", software_text(versions)),
    ]
    return [(title, text) for title, text in paragraphs if text]


def _image_paragraphs(config, orders):
    return [
        ("Images", images_text(config, orders["sequences"])),
        ("Regions", regions_text(config)),
        ("Habitats", habitats_text(config)),
        ("Nested habitats", nested_text(config)),
        ("Features", features_text(config, orders["sequences"])),
        ("Deep features", deep_text(config)),
    ]


def _given_paragraphs(config):
    """Features that were not made by this workflow."""
    places = [f"{sequence} {region}" for sequence, regions in config["data"]["features"].items() for region in regions]
    return [
        (
            "Features",
            f"Features were given in tables ({_listed(places)}); how they were made from images is not known to this "
            "workflow. If they were scaled or harmonised over all patients before, patients of the validation had a "
            "part in that.",
        )
    ]


def patients_text(config):
    """How patients entered and were divided."""
    outcome = config["outcome"]["label"] or event_column(config["outcome"])
    if is_survival(config["outcome"]):
        outcome = f"the time to {outcome} or to the last observation, in {config['outcome']['unit']}"
    entry = {
        "stop": "Every listed patient had to have an outcome, every sequence and usable image content.",
        "exclude": "Patients without an outcome, a sequence or usable images were excluded with a counted reason.",
    }[config["data"]["incomplete_patients"]]
    return f"The outcome was {outcome}. {entry} {_split_text(config['split'], config['seed'])}"


def _split_text(split, seed):
    external = (
        f"; patients of {_listed(split['external_sites'])} form the external cohort" if split["external_sites"] else ""
    )
    return {
        "column": f"The cohorts were given in column {split['column']} of the patients table.",
        "random": f"Within each outcome class {percent(split['train_fraction'])} of the patients were drawn for "
        f"training by a hash of the identifier (seed {seed}){external}.",
        "date": f"Patients until {split['train_until']} train, later ones validate{external}.",
        "site": f"Patients of {_listed(split['train_sites'])} train, those of other centres form the external cohort.",
    }[split["method"]]


def images_text(config, sequences):
    """Registration, bias field, grid and grey values, once for all sequences treated alike."""
    sentences = {}
    for sequence in sequences:
        sentences.setdefault(_image_sentence(config, sequence), []).append(sequence)
    start = (
        ""
        if config["reference"] is None
        else f"The masks drawn on {config['reference']} were applied to all sequences. "
    )
    return start + " ".join(f"{_listed(names)}: {sentence}." for sentence, names in sentences.items())


def _image_sentence(config, sequence):
    prepared, intensity = overridden(config, "preprocess", sequence), overridden(config, "intensity", sequence)
    parts = []
    if config["reference"] not in (None, sequence) and prepared["registration"] != "none":
        parts.append(f"registered to {config['reference']} ({prepared['registration']})")
    if prepared["bias_correction"]:
        engine, shrink = BIAS_ENGINES[prepared["bias_engine"]], prepared["shrink_factor"]
        parts.append(
            f"corrected for the bias field with N4 (Tustison 2010; {engine}; shrink factor {shrink}) inside the body"
        )
    if prepared["spacing_mm"]:
        size = " × ".join(f"{step:g}" for step in prepared["spacing_mm"])
        smoothing = ", after a low-pass filter where voxels grew" if prepared["antialias"] else ""
        parts.append(f"resampled to {size} mm ({INTERPOLATORS[prepared['interpolator']]} interpolation{smoothing})")
    images = f"images were {_listed(parts)}" if parts else "images kept their own grid"
    return f"{images}; {INTENSITIES[intensity['method']].format(scale=intensity['scale'])}"


def regions_text(config):
    """Regions and the smallest that was used."""
    chosen = config["regions"]
    parts = [REGIONS[name].format(margin_mm=chosen["margin_mm"]) for name in chosen["names"]]
    return f"Features were taken from {'; '.join(parts)}. A region needs at least {chosen['min_voxels']} voxels."


def habitats_text(config):
    """How every set of habitats was learnt, and the features taken from it."""
    return " ".join(_set_text(name, config) for name in config["habitats"])


def _set_text(name, config):
    chosen = config["habitats"][name]
    low, high = chosen["k_range"]
    found = f"as many habitats as {CRITERIA[chosen['criterion']]} chose for the cohort among {low} to {high}"
    number = f"{chosen['k']} habitats" if chosen["k"] else found
    method = {"kmeans": "k-means", "gmm": "a Gaussian mixture"}[chosen["method"]]
    nearest = {"kmeans": "nearest centre", "gmm": "most probable component"}[chosen["method"]]
    learnt = {
        "cohort": f"They were learnt from at most {count(chosen['voxels_per_patient'])} voxels of each training "
        f"patient, each patient weighing the same, and every voxel took the {nearest}.",
        "patient": "Each tumour was clustered by itself, its habitats matched by the order of their centroids.",
    }[chosen["scope"]]
    known = {**BANKS, **config["features"]["custom_banks"]}
    bank = bank_of(known[config["features"]["banks"].get(name, "D")])
    features = len(feature_names(bank, force_2d=config["features"]["force_2d"]))
    return (
        f"By {method} of the intensity of {_listed(chosen['sequences'])}, tumours were divided into {number} ({name}1, "
        f"{name}2, ... by ascending centroid). {learnt} From each habitat of the primary reading {count(features)} "
        f"features were taken, besides its size and its contact with the others. {_stability_sentence(name, config)}"
    )


def _stability_sentence(name, config):
    asked = any(
        "stable" in step and region_names([name], signature["regions"])
        for signature in config["signatures"].values()
        for step in signature["steps"]
    )
    measure = "; ICC(2,1) of a feature over all of them is its stability" if asked else ""
    return (
        f"In the first {count(config['habitats'][name]['stability_patients'])} training patients they were made and "
        "measured again after changes that should not matter: another draw, half of the patients, noise of a tenth of "
        f"a standard deviation, the mask one voxel smaller or larger, a shift by half a voxel{measure}."
    )


def features_text(config, sequences):
    """Banks, bins and numbers of features, once for all sequences and regions treated alike."""
    sentences = {}
    for sequence in sequences:
        chosen = overridden(config, "features", sequence)
        for region in config["regions"]["names"]:
            sentences.setdefault(_bank_sentence(chosen, region), []).append(f"{sequence} {region}")
    everything = len(sentences) == 1
    details = " ".join(
        f"{'Every sequence and region' if everything else _listed(places)}: {sentence}."
        for sentence, places in sentences.items()
    )
    engines = " ".join(dict.fromkeys(_engine_sentence(overridden(config, "features", s)) for s in sequences))
    return f"Features follow the definitions and names of PyRadiomics (van Griethuysen 2017). {engines} {details}"


def deep_text(config):
    """What a pretrained network saw and gave; nothing where no signature takes that."""
    sequences, chosen = deep_settings.sequences(config), config["deep"]
    if not sequences:
        return ""
    network = "EfficientNet-Lite0 trained on photographs (ImageNet)"
    if chosen["weights"]:
        layer = f", up to its layer {chosen['layer']}" if chosen["layer"] else ""
        network = f"the network {PurePath(chosen['weights']).name}{layer}"
    slices = f"{chosen['slice_distance_mm']:g} mm before and after" if chosen["slice_distance_mm"] else "next to it"
    window = chosen["intensity_window"]
    grey = f"intensities {window[0]:g} and {window[1]:g}" if window else "the percentiles 1 and 99 of the box"
    return (
        f"A square box around the tumour with a margin of {chosen['margin_mm']:g} mm was cut from its largest slice "
        f"and the slices {slices} in {_listed(sequences)}, scaled so that {grey} became black and white, and "
        f"given as the three channels of a picture to {network}. The averages of its maps over their places, by every "
        "reading, are the deep features; the network was not trained further."
    )


def _engine_sentence(chosen):
    if chosen["engine"] == "reference":
        return "They were calculated by PyRadiomics."
    sample = f"; in {100 * chosen['cross_check']:g} % of the scans, drawn by a hash, PyRadiomics calculated them again"
    return f"They were calculated by compiled code with PyRadiomics' values{sample if chosen['cross_check'] else ''}."


def _bank_sentence(chosen, region):
    name = chosen["banks"].get(region, "A")
    bank = bank_of({**BANKS, **chosen["custom_banks"]}[name])
    total = len(feature_names(bank, force_2d=chosen["force_2d"]))
    images = _listed([_image_type(kind, options) for kind, options in bank["image_types"].items()])
    kinds = [CLASSES.get(kind, kind.upper()) for kind in bank["classes"]] + (["shape"] if bank["shape"] else [])
    bins = f"bin width {chosen['bin_width']:g}" if chosen["bin_count"] is None else f"{chosen['bin_count']} bins"
    slices = ", textures slice by slice" if chosen["force_2d"] else ""
    return f"{count(total)} features (bank {name}: {_listed(kinds)}; images: {images}; {bins}{slices})"


def _image_type(kind, options):
    if kind == "LoG":
        return f"LoG with sigma {', '.join(f'{sigma:g}' for sigma in options['sigma'])} mm"
    return {"Original": "original", "Wavelet": "wavelet", "SquareRoot": "square root"}.get(
        kind, kind if kind.startswith("LBP") else kind.lower()
    )


def reproducibility_text(config):
    """Forms of the intraclass correlation; nothing where no signature asks for it."""
    steps = [name for signature in config["signatures"] for step in signature_steps(config, signature) for name in step]
    if "icc" not in steps:
        return ""
    chosen = config["reproducibility"]
    return (
        f"Agreement of every feature was measured on training patients read more than once, between readers by "
        f"{chosen['inter']} and between repeated readings of one reader by {chosen['intra']} (Shrout and Fleiss 1979); "
        "the smaller of both counts."
    )


def selection_text(config, signatures):
    """Selection steps, once for all signatures that share them."""
    groups, choices = {}, []
    strength = "univariable Cox chi-square" if is_survival(config["outcome"]) else "ANOVA F"
    for name in signatures:
        signature = config["signatures"][name]
        if signature["best_of"]:
            choices.append(_choice_text(config, name))
            continue
        sentence = "; ".join(
            _step_text(step, {**settings, "strength": strength})
            for entry in signature["steps"]
            for step, settings in entry.items()
        )
        groups.setdefault(sentence, []).append(signature["label"] or name)
    parts = [f"{_listed(names)}: {sentence}." for sentence, names in groups.items()]
    return "Features were selected on training patients alone, in this order. " + " ".join(parts + choices)


def _choice_text(config, name):
    """How the best of several signatures was chosen."""
    chosen = config["signatures"][name]
    labels = [config["signatures"][member]["label"] or member for member in chosen["best_of"]]
    measure = "Harrell's C" if is_survival(config["outcome"]) else "AUC"
    return (
        f"{chosen['label'] or name} is the one of {_listed(labels)} with the largest {measure} in "
        f"{config['training']['folds']}-fold cross-validation on the training patients; the choice was repeated inside "
        "every cross-validation and resample."
    )


def _step_text(step, settings):
    words = {
        **settings,
        "corrected": " after Benjamini and Hochberg" if settings.get("correction") == "fdr" else "",
        "rule": RULES.get(settings.get("rule")),
        "share": percent(settings.get("max_missing", 0)),
    }
    return STEPS[step].format(**words)


def models_text(config, models):
    """Estimator, scores, missing values and cut-off."""
    chosen = {name: config["models"][name] for name in models}
    parts = [_estimators_sentence(chosen), *_candidates_sentences(chosen)]
    if any(model["signatures"] and model["inputs"] == "scores" for model in chosen.values()):
        parts.append(_scores_sentence(config["training"]))
    on_features = [model["label"] or name for name, model in chosen.items() if _takes_features(model)]
    if on_features:
        parts.append(
            f"{_listed(on_features)} took the features selected on the training patients, standardised, in place of "
            "the scores; their probabilities were calibrated on scores of the whole chain held out from the fit."
            if config["training"]["scores"] == "cross_fitted"
            else f"{_listed(on_features)} took the selected features, standardised, in place of the scores."
        )
    if any(config["models"][name]["clinical"] for name in models):
        parts.append("Missing clinical values took the training median or the most frequent training level.")
    parts.append(SURVIVAL_CUT if is_survival(config["outcome"]) else YOUDEN)
    held_out = [m["label"] or name for name, m in chosen.items() if m["estimator"] in (*SIMPLICITY, "best")]
    if held_out:
        parts.append(f"That of {_listed(held_out)} was learnt on scores of training patients held out from the fit.")
    return " ".join(parts)


def _takes_features(model):
    return model["signatures"] and model["inputs"] == "features"


def _estimators_sentence(models):
    """Estimators, each with its models where there is more than one kind."""
    kinds = {}
    for name, model in models.items():
        kinds.setdefault(model["estimator"], []).append(model["label"] or name)
    if len(kinds) == 1:
        return f"Models are {WORDS[next(iter(kinds))].methods}."
    return " ".join(f"{_listed(names)}: {WORDS[kind].methods}." for kind, names in kinds.items())


def _candidates_sentences(models):
    """What models chose from, the simplest first; models that chose from the same together."""
    groups = {}
    for name, model in models.items():
        if model["estimator"] == "best":
            kinds = [WORDS[kind].name for kind in SIMPLICITY if kind in model["classifiers"]]
            groups.setdefault(_listed(kinds), []).append(model["label"] or name)
    tuning = (
        "each tuned for the AUC by 5-fold cross-validation among the patients of its fit, classes weighing the same"
    )
    return [f"{_listed(names)} chose from, the simplest first: {kinds}; {tuning}." for kinds, names in groups.items()]


def _scores_sentence(training):
    if training["scores"] == "apparent":
        return "Models were fitted on the signatures' own (apparent) training scores."
    return (
        f"Models were fitted on scores cross-fitted in {training['folds']} folds: each training patient was scored by "
        "a signature that did not see the patient."
    )


def validation_text(config, reference):
    """Measures, intervals and tests."""
    chosen = config["validation"]
    level = percent(chosen["interval_level"])
    label = config["models"][reference]["label"] or reference
    test = f" AUCs were compared with that of {label} by DeLong's paired test." if len(config["models"]) > 1 else ""
    return (
        f"The AUC is given with DeLong's {level} interval; accuracy, sensitivity, specificity and predictive values at "
        f"the cut-off with {level} intervals by {PROPORTIONS[chosen['proportion_interval']]}.{test} Cross-validated "
        f"training performance repeats the whole chain, selection included, in {config['training']['folds']} folds."
    )


def calibration_text(config):
    """Calibration, decision curves and the bands of both."""
    chosen = config["validation"]
    return (
        "Calibration was measured by intercept and slope of a logistic recalibration, the Brier score, distances of "
        f"a lowess curve from the ideal (ICI, E50, E90, Emax; Austin 2019) and the Hosmer-Lemeshow test in "
        f"{chosen['hosmer_lemeshow_groups']} groups; clinical usefulness by decision curves (Vickers 2006). Bands are "
        f"pointwise {percent(chosen['interval_level'])} percentiles of {count(chosen['band_resamples'])} bootstraps."
    )


def bootstrap_text(config):
    """The bootstrap of the whole chain; nothing when it was switched off."""
    chosen = config["bootstrap"]
    if not chosen["replicates"]:
        return ""
    return (
        f"The optimism of the apparent performance was estimated by {count(chosen['replicates'])} bootstraps, "
        "stratified by outcome, in each of which the whole chain (selection, score, model) was fitted anew: Harrell's "
        "correction (1996), the patients left out of the resamples, and the .632+ rule (Efron and Tibshirani 1997)."
    )


def software_text(versions):
    """Packages that calculate, with their versions; nothing when none were recorded (provenance.json lists all)."""
    if not versions:
        return ""
    named = [f"{name} {versions[key]}" for key, name in CALCULATING.items() if key in versions]
    return f"The analysis ran with {_listed(named)}."


def _listed(words):
    """Join words as in running text."""
    return ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1] if words else ""
