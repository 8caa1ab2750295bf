"""What each step depends on, as plain values: the smallest set, so that a change reruns only what it governs."""

import csv
import io
from pathlib import Path

from habitat_radiomics import deep_settings
from habitat_radiomics.banks import BANKS
from habitat_radiomics.config import overridden, signature_steps
from habitat_radiomics.cross_check import is_sampled
from habitat_radiomics.estimator_words import WORDS
from habitat_radiomics.habitat_sets import all_sets, region_names
from habitat_radiomics.outcome_settings import event_column, is_survival, outcome_columns
from habitat_radiomics.score_names import score_label
from habitat_radiomics.sheets import number

ORDERED = ("sequences", "clinical", "habitats", "nested", "signatures", "models")
PATIENTS_PER_PAGE = 56  # of a montage of habitats


def simulation(config):
    """Settings of the simulated cohort that its images depend on (not the outcome, not the number of patients)."""
    sites = {"sites": config["demo"]["sites"]} if config["demo"]["sites"] != 2 else {}
    return {"seed": config["demo"]["seed"], "sequences": list(config["sequences"]), **sites}


def demo_tables(config):
    """Tables of the simulated cohort as TSV text: patients, images, truth."""
    from habitat_radiomics.simulate_tables import simulate_tables

    tables = simulate_tables({**config["demo"], "sequences": list(config["sequences"])})
    return {
        name: csv_text(rows, delimiter="\t") for name, rows in zip(("patients", "images", "truth"), tables, strict=True)
    }


def csv_text(rows, delimiter=","):
    """Return rows (dicts with equal keys) as delimited text; None becomes an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def file_checker(config, facts):
    """Return ``check_files(image, masks)`` that lists what is wrong with the files of one scan, from headers alone.

    Parameters
    ----------
    facts : state.FileFacts
        Remembers headers between runs, so that unchanged files are not opened again.
    """
    from habitat_radiomics.file_checks import scan_faults

    return lambda image, masks: scan_faults(image, masks, facts, tolerance_mm=config["data"]["geometry_tolerance_mm"])


def outcome_rows(study, patients):
    """Patient, cohort and outcome (0 or 1; empty in a study without), or time and event."""
    return [
        {"patient": p, "cohort": study.cohorts[p], **_outcome_of(study.patients[p], study.config["outcome"])}
        for p in patients
    ]


def _outcome_of(row, outcome):
    known = all(row.get(column) is not None for column in outcome_columns(outcome))
    values = {column: number(row[column]) if known else None for column in outcome_columns(outcome)}
    happened = values.get(event_column(outcome))
    happened = None if happened is None else int(happened)
    return {"time": values[outcome["time"]], "event": happened} if is_survival(outcome) else {"outcome": happened}


def clinical_rows(study, patients, *, model=None):
    """Patient and the clinical variables (of one model, or all), empty where missing."""
    variables = study.config["clinical"] if model is None else study.config["models"][model]["clinical"]
    return [{"patient": p, **{name: study.patients[p].get(name) for name in variables}} for p in patients]


def cohort(study):
    """What the patients table and the flow of exclusions depend on."""
    return {
        "screened": study.screened,
        "excluded": {patient: list(reason) for patient, reason in study.excluded.items()},
        "site_column": study.config["split"]["site_column"],
        "sites": {p: row.get(study.config["split"]["site_column"]) for p, row in study.patients.items()},
    }


def patient_groups(study):
    """Clinical variables and outcome of Table 1; the order is a list because JSON files here have sorted keys."""
    outcome = study.config["outcome"]
    unit = outcome["unit"] if is_survival(outcome) else ""
    return {**described(study.config), "outcome_label": outcome_label(study.config), "time_unit": unit}


def clinical_factors(study):
    """Clinical variables, how those of the multivariable model are chosen, and the intervals."""
    config = study.config
    return {
        **described(config),
        **config["clinical_factors"],
        "signatures": {},
        "level": config["validation"]["interval_level"],
    }


def described(config):
    """Clinical variables as tables describe them; the order is a list because JSON files here have sorted keys."""
    kept = ("type", "levels", "label", "unit")
    variables = {name: {k: v[k] for k in kept if k in v} for name, v in config["clinical"].items()}
    return {"variables": variables, "order": list(variables)}


def batches(study, patients):
    """Batch and covariates of patients for ComBat: numbers as numbers, categories as text."""
    chosen = study.config["harmonise"]
    values = {chosen["batch"]: [study.patients[p][chosen["batch"]] for p in patients]}
    for name in chosen["covariates"]:
        read = number if study.config["clinical"][name]["type"] == "number" else str
        texts = [study.patients[p].get(name) for p in patients]
        values[name] = [None if text is None else read(text) for text in texts]
    return {"patients": patients, "values": values}


def harmonises(config):
    """Whether features are harmonised."""
    return config["harmonise"]["method"] != "none"


def harmonised_signatures(config):
    """Return the signatures whose features are harmonised, without those that are the best of several."""
    chosen = config["signatures"].items() if harmonises(config) else ()
    return [name for name, signature in chosen if signature["harmonise"] and not signature["best_of"]]


def harmonisation_figure(study, name):
    """Words of the figure of harmonisation."""
    batch = study.config["harmonise"]["batch"]
    return {"label": signature_label(study.config, name), "batch_label": batch}


def _harmonisation(config):
    """Return the settings of `combat.Combat`; nothing in a study that does not harmonise."""
    chosen = config["harmonise"]
    if not harmonises(config):
        return {}
    same = {name: chosen[name] for name in ("batch", "covariates", "mean_only", "unseen")}
    renamed = {"reference": chosen["reference_batch"], "fewest_unseen": chosen["min_patients"]}
    return {"harmonise": {**same, **renamed, "prior": "parametric" if chosen["parametric"] else "nonparametric"}}


def training(study):
    """Identifiers of the training patients."""
    return {"patients": study.in_cohort("train")}


def preprocess(study, sequence):
    """Grid, interpolation, bias field and registration of one sequence, a flat group for each."""
    chosen, config = overridden(study.config, "preprocess", sequence), study.config
    registered = sequence != study.mask_sequence(sequence) and chosen["registration"] != "none"
    shell = {"peritumour", "expansion"} & set(config["regions"]["names"])
    return {
        "registration": {"method": chosen["registration"], "seed": config["seed"]}
        if registered
        else {"method": "none"},
        "bias": {name: chosen[key] for name, key in BIAS_KEYS.items()}
        if chosen["bias_correction"]
        else {"enabled": False},
        "grid": {
            "spacing_mm": chosen["spacing_mm"],
            "margin_mm": config["regions"]["margin_mm"] if shell else 0,
            "padding_voxels": chosen["padding_voxels"],
        },
        "resample": {name: chosen[name] for name in ("interpolator", "antialias", "round_intensity")},
        "body": {"fraction": chosen["body_fraction"]},
        "quality": {
            "maximum_outside_share": config["regions"]["max_outside_fraction"],
            "minimum_voxels": config["regions"]["min_voxels"],
            "minimum_snr": config["quality"]["min_snr"],
        },
        "mask_label": config["regions"]["mask_label"],
    }


BIAS_KEYS = {
    "enabled": "bias_correction",
    "engine": "bias_engine",
    "shrink_factor": "shrink_factor",
    "iterations": "iterations",
}


def intensity(study, sequence):
    """Normalisation of one sequence."""
    chosen = overridden(study.config, "intensity", sequence)
    used = {"zscore": {"scale": chosen["scale"]}, "nyul": {"standard_range": chosen["standard_range"]}}
    return {"method": chosen["method"], **used.get(chosen["method"], {})}


def regions(study):
    """How regions are made from a mask."""
    chosen = study.config["regions"]
    return {name: chosen[name] for name in ("margin_mm", "mask_label", "min_voxels")}


def features(study, sequence):
    """Regions with their banks, and the settings of the feature classes, for one sequence."""
    regions = study.config["regions"]["names"]
    return {
        "banks": {region: region_bank(study, sequence, region, "A") for region in regions},
        "settings": feature_settings(study, sequence),
        "engine": overridden(study.config, "features", sequence)["engine"],
    }


def is_checked(study, patient, sequence):
    """Whether the features of a scan are extracted by the reference engine too."""
    chosen = overridden(study.config, "features", sequence)
    return chosen["engine"] != "reference" and is_sampled(patient, sequence, fraction=chosen["cross_check"])


def habitat_features(study, sequence, name):
    """Bank and settings of a set's habitats in one sequence, and whether size and neighbourhood are listed there."""
    return {
        "name": name,
        "bank": region_bank(study, sequence, name, "D"),
        "shape": all_sets(study.config)[name]["sequences"][0] == sequence,
        "settings": feature_settings(study, sequence),
        "engine": overridden(study.config, "features", sequence)["engine"],
    }


def region_bank(study, sequence, region, otherwise):
    """Bank of a region (or set of habitats) in one sequence."""
    chosen = overridden(study.config, "features", sequence)
    return {**BANKS, **chosen["custom_banks"]}[chosen["banks"].get(region, otherwise)]


def feature_settings(study, sequence):
    """Settings of the feature classes in one sequence."""
    chosen = overridden(study.config, "features", sequence)
    elsewhere = ("banks", "custom_banks", "engine", "cross_check")
    values = {name: value for name, value in chosen.items() if name not in elsewhere}
    values["bin_width"] = None if chosen["bin_count"] else chosen["bin_width"]
    return {**values, "min_voxels": study.config["regions"]["min_voxels"]}


def bin_widths(study):
    """Widths of the grey-level bins in tumours, by sequence and image type; None where a number of bins is fixed."""
    return {"region": "tumour", "used": {sequence: _bin_widths(study, sequence) for sequence in study.sequences}}


def _bin_widths(study, sequence):
    otherwise = feature_settings(study, sequence)
    types = region_bank(study, sequence, "tumour", "A")["image_types"]
    return {kind.lower(): _bin_width(options or {}, otherwise) for kind, options in types.items()}


def _bin_width(options, otherwise):
    return None if options.get("bin_count") else options.get("bin_width", otherwise["bin_width"])


def habitat_sample(study, name):
    """What a patient's sample of voxels depends on."""
    chosen = study.config["habitats"][name]
    return {
        "sequences": chosen["sequences"],
        "limit": chosen["voxels_per_patient"],
        "inputs": chosen["inputs"],
        "seed": study.config["seed"],
    }


def habitat_fit(study, name):
    """How the habitats of a set are learnt; ``count`` is None where their number is given."""
    chosen = study.config["habitats"][name]
    low, high = chosen["k_range"]
    count = {"criterion": chosen["criterion"], "k_min": low, "k_max": high, "observations": chosen["observations"]}
    same = ("sequences", "method", "scope", "k", "scaling", "inputs", "tidying")
    return {
        **{key: chosen[key] for key in same},
        "count": None if chosen["k"] else count,
        "seed": study.config["seed"],
    }


def habitat_stability(study, name):
    """Patients in whom the stability of a set is measured."""
    return {"patients": study.in_cohort("train")[: study.config["habitats"][name]["stability_patients"]]}


def habitat_refit(study):
    """Seed of the draws with which a set is learnt again."""
    return {"seed": study.config["seed"]}


def habitat_perturbation(study, name):
    """Seed of noise and draws, and which features are measured under perturbations."""
    sequences = study.config["habitats"][name]["sequences"]
    sets = {sequence: habitat_features(study, sequence, name) for sequence in sequences}
    return {"seed": study.config["seed"], "sets": sets}


def habitat_figures(study, name):
    """Words and sequences of the figures of a set."""
    chosen = all_sets(study.config)[name]
    return {
        "title": habitat_label(study.config, name),
        "sequences": chosen["sequences"],
        "criterion": chosen.get("criterion"),
        "outcome_label": outcome_label(study.config),
        "stable": min(stability_thresholds(study.config, name), default=None),
    }


def stability_thresholds(config, name):
    """Thresholds that signatures of a set's habitats put on the stability of features."""
    asking = [s for s in config["signatures"].values() if region_names([name], s["regions"])]
    return [step["stable"]["threshold"] for s in asking for step in s["steps"] if "stable" in step]


def habitat_patients(study, name):
    """The same with the patients, in the order of the montage."""
    return {**habitat_figures(study, name), "patients": list(study.patients)}


def habitat_label(config, name):
    """Return the name of a set of habitats in figures and tables."""
    chosen = all_sets(config)[name]
    return chosen["label"] or f"Habitats of {' and '.join(chosen['sequences'])}"


def montage_pages(study):
    """Numbers of the pages that show the habitats of all patients."""
    return list(range(1, -(-len(study.patients) // PATIENTS_PER_PAGE) + 1))


def collection(study, patients, patterns):
    """Patients and sequences of a feature table, where their files are, and what to do with unusable scans."""
    deep = deep_settings.sequences(study.config)
    return {
        "patients": patients,
        "sequences": study.sequences,
        "habitats": {sequence: study.habitat_sets(sequence) for sequence in study.sequences},
        "patterns": {kind: str(pattern) for kind, pattern in patterns.items()},
        "primary": f"reader{study.config['reproducibility']['primary_reader']}",
        "incomplete_patients": study.config["data"]["incomplete_patients"],
        "drawn_regions": [*study.config["regions"]["names"], *([deep_settings.REGION] if deep else [])],
        **({"deep": deep} if deep else {}),
    }


def imported_features(study, patients):
    """Patients of a feature table that the study brings, and their rows of it by hash."""
    tables = [
        {"sequence": sequence, "region": region, "rows": [sheet.digests[p] for p in patients]}
        for (sequence, region), sheet in study.feature_sheets.items()
    ]
    return {"patients": patients, "tables": tables}


def own_tables(config):
    """Return the keys of ``data`` that name tables of patients and scans."""
    return ("patients",) if config["data"]["source"] == "features" else ("patients", "images")


def reproducibility(study):
    """Readers and forms of the intraclass correlation."""
    return study.config["reproducibility"]


def signature(study, name):
    """Sequences, regions and steps of one signature, or the candidates it is the best of."""
    chosen = study.config["signatures"][name]
    if chosen["best_of"]:
        candidates = [signature(study, candidate) for candidate in chosen["best_of"]]
        return {"name": name, "best_of": candidates, **_resampling(study.config)}
    return {
        "name": name,
        "sequences": chosen.get("sequences", study.sequences),
        "regions": chosen["regions"],
        "steps": chosen["steps"],
        **_resampling(study.config),
        **({"survival": True} if is_survival(study.config["outcome"]) else {}),
        **(_harmonisation(study.config) if chosen["harmonise"] else {}),
        **({"features": chosen["features"]} if chosen["features"] else {}),
    }


def _horizons(config):
    """Return the times by which risks are predicted; nothing in a study of a binary outcome."""
    return {"horizons": config["outcome"]["horizons"]} if is_survival(config["outcome"]) else {}


def _resampling(config):
    """Return folds, repeats and seed of cross-fitting."""
    return {"seed": config["seed"], **{name: config["training"][name] for name in ("folds", "repeats")}}


def model(study, name):
    """Scores, variables and estimator of one model, with the signatures it stands on."""
    chosen = study.config["models"][name]
    return {
        "name": name,
        "signatures": [signature(study, signature_name) for signature_name in chosen["signatures"]],
        "variables": {v: variable(study.config["clinical"][v]) for v in chosen["clinical"]},
        "estimator": chosen["estimator"],
        "inputs": chosen["inputs"],
        "scores": study.config["training"]["scores"],
        **({"classifiers": chosen["classifiers"]} if chosen["estimator"] == "best" else {}),
        **_resampling(study.config),
        **_horizons(study.config),
    }


def bootstrap(study, name):
    """What the bootstrap of a model's whole chain depends on."""
    chosen, own = study.config["bootstrap"], model(study, name)
    changed = {"repeats": chosen["repeats"], "study_repeats": own["repeats"], "replicates": chosen["replicates"]}
    return {**own, **changed}


def permutations(study):
    """What the permutation test of the headline model depends on."""
    chosen = study.config["permutations"]
    settings = model(study, headline_model(study.config))
    return {**settings, "repeats": chosen["repeats"], "replicates": chosen["replicates"]}


def permutation_words(study):
    """The model in the permutation test."""
    return {"label": model_label(study.config, headline_model(study.config))}


def merged_bootstrap(study, name):
    """Level of the percentiles, and whether the model was fitted on other scores than it is measured on."""
    cross_fitted = study.config["training"]["scores"] == "cross_fitted" and study.config["models"][name]["signatures"]
    return {"level": study.config["validation"]["interval_level"], "cross_fitted": bool(cross_fitted)}


def chunks(chosen):
    """Names of the chunks in which replicates 0 (the study) to ``replicates`` are computed: 1of4, 2of4, ..."""
    count = min(chosen["chunks"], chosen["replicates"] + 1)
    return [f"{number}of{count}" for number in range(1, count + 1)]


def variable(chosen):
    """Return what a model needs to know of a clinical variable."""
    return {name: chosen[name] for name in ("type", "levels") if name in chosen}


def validation(study):
    """Models, the one compared against, and the intervals."""
    chosen = study.config["validation"]
    return {
        "models": list(study.config["models"]),
        "reference": reference_model(study.config),
        "level": chosen["interval_level"],
        "proportion_interval": chosen["proportion_interval"],
        "pairs": chosen["pairs"],
    }


def choosing_models(config):
    """Return the models that choose among classifiers."""
    return [name for name, model in config["models"].items() if model["estimator"] == "best"]


def choice(study):
    """Models that choose among classifiers, and the level of the intervals."""
    return {"models": choosing_models(study.config), "level": study.config["validation"]["interval_level"]}


def importance(study, name):
    """What the permutation importance of a model's inputs depends on."""
    return {**model(study, name), "permutations": study.config["importance"]["permutations"]}


def importance_figure(study, name):
    """Words of the figure of importance: the model, its signatures and clinical variables."""
    config, chosen = study.config, study.config["models"][name]
    labels = {s: score_label(signature_label(config, s)) for s in chosen["signatures"]}
    labels |= {v: config["clinical"][v]["label"] or v for v in chosen["clinical"]}
    return {"label": model_label(config, name), "labels": labels, "permutations": config["importance"]["permutations"]}


def partial_dependence(study, name):
    """What the partial dependence of a model's risk on its inputs depends on."""
    return {**model(study, name), "points": study.config["partial_dependence"]["points"]}


def partial_dependence_figure(study, name):
    """Words of the figure of partial dependence: the model, what it predicts, its signatures and clinical variables."""
    config, chosen = study.config, study.config["models"][name]
    labels = {s: score_label(signature_label(config, s)) for s in chosen["signatures"]}
    labels |= {v: axis_label(v, config["clinical"][v]) for v in chosen["clinical"]}
    return {"label": model_label(config, name), "labels": labels, "outcome_label": outcome_label(config)}


def classifier_figure(study):
    """Names of models, and level, of the figure of all classifiers."""
    return {
        "models": _named_models(study.config, choosing_models(study.config)),
        "level": study.config["validation"]["interval_level"],
    }


def audit(study):
    """What the audit of the printed numbers needs to know."""
    return {**validation(study), "signatures": list(study.config["signatures"])}


def calibration(study):
    """Models, the groups of Hosmer and Lemeshow's test, and the bands of the curves."""
    return {**_bands(study), "groups": study.config["validation"]["hosmer_lemeshow_groups"]}


def decision(study):
    """Models, thresholds and bands of the decision curves."""
    return {**_bands(study), "thresholds": study.config["validation"]["decision_thresholds"]}


def volume(study):
    """Sequences in whose order a patient's volume is looked for, signatures, and the level of the intervals."""
    return {
        "sequences": study.sequences,
        "signatures": list(study.config["signatures"]),
        "level": study.config["validation"]["interval_level"],
    }


def supplement(study):
    """Models, the pair of NRI and IDI, and its risk categories."""
    config = study.config
    return {
        "models": list(config["models"]),
        "reference": reference_model(config),
        "model": headline_model(config),
        "cutoffs": config["validation"]["reclassification_cutoffs"],
        "level": config["validation"]["interval_level"],
    }


def _bands(study):
    chosen = study.config["validation"]
    return {
        "models": list(study.config["models"]),
        "level": chosen["interval_level"],
        "resamples": chosen["band_resamples"],
        "seed": study.config["seed"],
    }


def reference_model(config):
    """Return the model the others are compared with: the one named, else the first."""
    return config["validation"]["reference_model"] or next(iter(config["models"]))


def headline_model(config):
    """Return the model at the top of the report: the one named, else the last."""
    return config["validation"]["headline_model"] or list(config["models"])[-1]


def nomogram_model(config):
    """Return the model that becomes a nomogram: the one named, else the headline model if it has coefficients, else
    the last that has; the headline model where none has, which then says why there is no nomogram.
    """
    headline = headline_model(config)
    drawable = [name for name in config["models"] if _has_coefficients(config, name)]
    return config["nomogram"]["model"] or (headline if headline in drawable else [headline, *drawable][-1])


def _has_coefficients(config, name):
    return WORDS[config["models"][name]["estimator"]].has_coefficients


def nomogram(study):
    """What the nomogram of a model depends on: the model, and the names on its axes."""
    config, name = study.config, nomogram_model(study.config)
    labels = {s: score_label(signature_label(config, s)) for s in config["models"][name]["signatures"]}
    labels |= {v: axis_label(v, config["clinical"][v]) for v in config["models"][name]["clinical"]}
    words = {"labels": labels, "outcome_label": outcome_label(config)}
    unit = {"unit": config["outcome"]["unit"]} if is_survival(config["outcome"]) else {}
    return {**model(study, name), **words, **unit}


def axis_label(name, variable):
    """Return the name of a clinical variable with its unit."""
    title = variable["label"] or name[:1].upper() + name[1:]
    return f"{title} ({variable['unit']})" if variable["unit"] else title


def nomogram_words(study):
    """Words on the nomogram: its model and the outcome, and why there may be none."""
    name = nomogram_model(study.config)
    label = model_label(study.config, name)
    reason = f"no predictor of the model {label} changes the risk"
    if not _has_coefficients(study.config, name):
        words = WORDS[study.config["models"][name]["estimator"]].name
        reason = f"the model {label} is a {words}, which has no coefficients to turn into points"
    return {"label": label, "outcome_label": outcome_label(study.config), "reason": reason}


def shown_patients(study):
    """Return the patients drawn on slices: those named, else the first three of training."""
    named = [patient for patient in study.config["report"]["patients"] if patient in study.patients]
    return named or study.in_cohort("external" if study.applied else "train")[:3]


def model_label(config, name):
    """Return the name of a model in figures and tables."""
    return config["models"][name]["label"] or name


def model_groups(config):
    """Return the models drawn together, by title; all in one group without a title where the study names none."""
    return config["validation"]["figures"] or {"": list(config["models"])}


def _named_models(config, names):
    """Name and label of models, in the order (and so the colours) of a figure."""
    return [{"name": name, "label": model_label(config, name)} for name in names]


def signature_label(config, name):
    """Return the name of a signature in figures and tables."""
    return config["signatures"][name]["label"] or name


def outcome_label(config):
    """Return the outcome in words."""
    return config["outcome"]["label"] or event_column(config["outcome"]) or ""


def shown_cohorts(study):
    """Cohorts in which models are measured: training (apparent and cross-validated), then validation."""
    return [*([] if study.applied else ["train", "train_cv"]), *study.validation_cohorts]


def model_figures(study):
    """Models and level of the calibration and decision curves: the first group."""
    config = study.config
    first = next(iter(model_groups(config).values()))
    return {"models": _named_models(config, first), "level": config["validation"]["interval_level"]}


def roc_figure(study):
    """Groups of models and level of the ROC curves."""
    config = study.config
    groups = [{"title": t, "models": _named_models(config, names)} for t, names in model_groups(config).items()]
    return {"groups": groups, "level": config["validation"]["interval_level"]}


def drawn_models(config):
    """Return the models of the ROC figure, each once."""
    return list(dict.fromkeys(name for names in model_groups(config).values() for name in names))


def signature_figures(study, name):
    """Words of the figures of one signature; ``unit`` is what its coefficients refer to."""
    steps = [step for entry in signature_steps(study.config, name) for step in entry]
    return {
        "label": signature_label(study.config, name),
        "outcome_label": outcome_label(study.config),
        "unit": "SD" if "zscore" in steps else "unit",
    }


def agreement_figure(study):
    """Thresholds that signatures put on the intraclass correlation, and its forms."""
    config = study.config
    steps = [step for name in config["signatures"] for step in signature_steps(config, name)]
    thresholds = {step["icc"]["threshold"] for step in steps if "icc" in step}
    forms = {kind: study.config["reproducibility"][kind] for kind in ("inter", "intra")}
    return {"thresholds": sorted(thresholds), "forms": forms}


def regions_figure(study):
    """Sequences and regions drawn on slices."""
    return {"sequences": study.sequences, "regions": study.config["regions"]["names"]}


def public_config(value):
    """Return a configuration (or a part of it) in which absolute paths keep their last name only."""
    from pathlib import PurePosixPath, PureWindowsPath

    if isinstance(value, dict):
        return {key: public_config(item) for key, item in value.items()}
    if isinstance(value, list):
        return [public_config(item) for item in value]
    if isinstance(value, str) and (PurePosixPath(value).is_absolute() or PureWindowsPath(value).drive):
        return PureWindowsPath(value).name
    return value


def report(study):
    """What the report says of the study itself; orders are lists because JSON files here have sorted keys."""
    orders = {name: list(study.config[name]) for name in ORDERED}
    return {
        "config": public_config(study.config),
        "orders": orders,
        "cohorts": shown_cohorts(study),
        "reference": reference_model(study.config),
        "headline": headline_model(study.config),
        "nomogram": nomogram_model(study.config),
    }


def provenance(study):
    """The configuration as it was completed, without absolute paths."""
    return {"config": public_config(study.config)}


def closing_line(results, *, applied=False):
    """Say at the end of a run how many patients are in the study (or were predicted) and where the report is."""
    flow, page = Path(results, "cohort/flow.csv"), Path(results, "report/index.html")
    if not (flow.is_file() and page.is_file()):
        return f"Done; results are below {results}."
    with flow.open(encoding="utf-8", newline="") as stream:
        counts = {row["step"]: row["patients"] for row in csv.DictReader(stream)}
    done = "were predicted" if applied else "are in the study"
    return f"{counts['included']} of {counts['screened']} patients {done}. Report: {page}"
