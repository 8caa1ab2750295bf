"""Made-up predictions of survival models, as a study stores them: two models, four cohorts, one seed."""

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from example_results import ROOT
from habitat_radiomics.config import complete_config
from habitat_radiomics.cox_tables import cox_tables
from habitat_radiomics.entry import write_json
from habitat_radiomics.patient_groups import described_groups, included_patients
from habitat_radiomics.results import load_results
from habitat_radiomics.sample_size_table import survival_sample_size_table
from habitat_radiomics.survival_cohort_tables import calibration_measures, risk_group_tables, score_factors
from habitat_radiomics.survival_validation import all_comparisons, all_metrics, model_table
from habitat_radiomics.tables import read_table

SIZES = {"train": 60, "internal": 30, "external": 40}
HORIZONS = [12, 24]
TIMES = np.arange(2.0, 40.0, 2.0)


def survival_patients(seed=5, sizes=SIZES):
    """Patients with a true risk, a time with ties, an event, a grade and an age."""
    random = np.random.default_rng(seed)
    n = sum(sizes.values())
    table = pd.DataFrame(
        {"patient": [f"P{i:03d}" for i in range(n)], "cohort": np.repeat(list(sizes), list(sizes.values()))}
    )
    table["truth"] = random.normal(size=n)
    event_time = random.exponential(24 * np.exp(-0.9 * table["truth"]))
    censoring = random.uniform(6, 60, n)
    table["time"] = np.maximum(np.minimum(event_time, censoring).round(1), 0.1)
    table["event"] = (event_time <= censoring).astype(int)
    table["grade"] = np.where(random.random(n) < 0.4, "low", "high")
    table["age"] = random.normal(60, 10, n).round()
    return table


def survival_predictions(patients, *, noise, seed, threshold=0.1):
    """Predictions and survival curves of a model that knows the truth but for noise."""
    random = np.random.default_rng([seed, int(10 * noise)])
    keys = ["patient", "cohort", "time", "event"]
    everyone = patients[keys].assign(score=0.9 * (patients["truth"] + noise * random.normal(size=len(patients))))
    held_out = everyone[everyone["cohort"] == "train"].assign(cohort="train_cv")
    held_out["score"] = held_out["score"] * 0.8 + 0.2 * random.normal(size=len(held_out))
    order = ["train", "train_cv", "internal", "external"]
    table = pd.concat([everyone, held_out]).sort_values("cohort", key=lambda c: c.map(order.index), kind="stable")
    table = table.reset_index(drop=True)
    hazard = np.exp(table["score"].to_numpy())[:, None] / 24
    for horizon in HORIZONS:
        table[f"risk_{horizon}"] = 1 - np.exp(-hazard[:, 0] * horizon)
    table["group"] = np.where(table["score"] > threshold, "high", "low")
    survival = pd.DataFrame(np.exp(-hazard * TIMES), columns=[f"{t:g}" for t in TIMES])
    return table, pd.concat([table[["patient", "cohort"]], survival], axis=1)


def survival_study(seed=5, sizes=SIZES):
    """Patients, predictions by model and survival curves by model."""
    patients = survival_patients(seed, sizes)
    both = {
        name: survival_predictions(patients, noise=noise, seed=seed)
        for name, noise in (("clinical", 2.0), ("combined", 0.4))
    }
    return patients, {name: pair[0] for name, pair in both.items()}, {name: pair[1] for name, pair in both.items()}


SURVIVAL_CONFIG = {
    "study": "of_time",
    "data": {"source": "tables", "folder": "somewhere", "incomplete_patients": "exclude"},
    "sequences": {"T1": None},
    "clinical": {
        "age": {"type": "number", "unit": "years", "label": "Age"},
        "grade": {"type": "category", "levels": ["low", "high"], "label": "Grade"},
    },
    "outcome": {
        "type": "survival",
        "time": "months",
        "event": "event",
        "unit": "months",
        "horizons": HORIZONS,
        "label": "progression",
    },
    "split": {"method": "column"},
    "signatures": {
        "tumour": {
            "label": "Tumour",
            "regions": ["tumour"],
            "steps": [{"zscore": {}}, {"univariable_cox": {}}, {"correlation": {}}, {"cox_lasso": {"folds": 5}}],
        }
    },
    "models": {
        "clinical": {"label": "Clinical", "clinical": ["age", "grade"], "estimator": "cox"},
        "combined": {"label": "Combined", "signatures": ["tumour"], "clinical": ["age"], "estimator": "cox"},
    },
    "bootstrap": {"replicates": 10, "chunks": 1},
    "validation": {"subgroups": ["grade"], "band_resamples": 20},
}


def survival_config(**changes):
    """The configuration of the made-up study, complete, with sections merged from ``changes``."""
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    complete, faults = complete_config(SURVIVAL_CONFIG, schema)
    assert not faults, faults
    return {**complete, **{key: {**complete[key], **value} for key, value in changes.items()}}


def write_survival_study(folder, *, sizes=SIZES, config=None):
    """Write the tables of the made-up study as the workflow does, and placeholders of its figures; return the paths."""
    config = config or survival_config()
    patients, predictions, curves = survival_study(sizes=sizes)
    clinical = patients.set_index("patient")[["age", "grade"]]
    options = {"horizons": HORIZONS, "level": 0.95}
    metrics = all_metrics(predictions, curves, resamples=20, seed=1, **options)
    comparisons = all_comparisons(predictions, reference="clinical", **options)
    groups = risk_group_tables(
        predictions, clinical, subgroups={"grade": ["low", "high"]}, p_corrected={"combined": 0.031}, **options
    )
    outcome = patients.set_index("patient")[["time", "event"]]
    scores = patients.set_index(["cohort", "patient"])["truth"].to_frame("tumour")
    factors, summaries = score_factors(scores, outcome, clinical, config["clinical"], level=0.95)
    training = patients[patients["cohort"] == "train"].set_index("patient")
    table, summary = cox_tables(clinical.loc[training.index], training[["time", "event"]], config["clinical"])
    shown = patients.drop(columns="truth").assign(included=True, reason_code="", reason="")
    tables = {
        "patients": shown,
        "flow": _flow(sizes),
        "metrics": metrics,
        "model_table": model_table(metrics, comparisons, reference="clinical"),
        "comparisons": comparisons,
        "calibration": calibration_measures(predictions, **options),
        "risk_groups": groups[0],
        "at_horizons": groups[2],
        "score_factors": factors,
        "factors": table,
    }
    files = {name: _csv(folder, f"{name}.csv", content) for name, content in tables.items()}
    files["score_factors_summary"] = _json(folder, "score_factors.json", summaries)
    files["factors_summary"] = _json(folder, "factors.json", summary or {})
    cells, tests = described_groups(
        included_patients(files["patients"], config["clinical"]),
        config["clinical"],
        outcome_label="progression",
        time_unit="months",
    )
    files |= {"table_one": _csv(folder, "one.csv", cells), "table_one_tests": _csv(folder, "one_tests.csv", tests)}
    scans = shown[["patient"]].assign(sequence="T1", usable=True, code="", message="")
    files |= {"quality": [_csv(folder, "quality.csv", scans)], "icc": None, "habitats": {}}
    files["leakage"] = _json(folder, "leakage.json", {"checked": {"model combined": sizes["train"]}, "training": 60})
    files["signatures"] = {"tumour": _signature_files(folder)}
    files["models"] = {
        name: _model_files(folder, name, len(config["models"][name]["clinical"])) for name in predictions
    }
    files["bootstrap"] = {
        name: _csv(folder, f"{name}.bootstrap.csv", _bootstrap(metrics, name)) for name in predictions
    }
    files["fixed_features"] = {
        name: _csv(folder, f"{name}.fixed.csv", _bootstrap(metrics, name).drop(index=3)) for name in predictions
    }
    coefficients = {name: read_table(files["models"][name]["coefficients"]) for name in predictions}
    sizes = survival_sample_size_table(
        metrics, coefficients, {"clinical": 2, "combined": 401}, rate=0.03, follow_up=16, horizon=HORIZONS[-1]
    )
    files["sample_size"] = _csv(folder, "sample_size.csv", sizes)
    files["figures"] = _placeholders(folder, [*sizes, "train_cv"])
    return files


def survival_results(folder, **options):
    """The made-up study as the report reads it."""
    config = options.setdefault("config", survival_config())
    files = write_survival_study(folder, **options)
    orders = {name: list(config[name]) for name in ("sequences", "clinical", "habitats", "signatures", "models")}
    cohorts = [
        c for c in ("train", "train_cv", "internal", "external") if c in (*options.get("sizes", SIZES), "train_cv")
    ]
    settings = {"config": config, "orders": orders, "cohorts": cohorts, "reference": "clinical", "headline": "combined"}
    return load_results(settings, files)


def _csv(folder, name, table):
    path = Path(folder, name)
    table.to_csv(path, index=False)
    return str(path)


def _json(folder, name, value):
    write_json(Path(folder, name), value)
    return str(Path(folder, name))


def _flow(sizes):
    n = sum(sizes.values())
    rows = [("screened", "", n), ("included", "", n), *(("cohort", name, size) for name, size in sizes.items())]
    return pd.DataFrame(rows, columns=["step", "reason", "patients"])


def _signature_files(folder):
    steps = ["extracted", "zscore", "univariable_cox", "correlation", "cox_lasso"]
    funnel = pd.DataFrame({"step": steps, "features": [400, 400, 60, 12, 1], "note": ""})
    coefficients = pd.DataFrame({"feature": ["T1|tumour|original_glcm_Contrast"], "coefficient": [0.8]})
    return {
        "funnel": _csv(folder, "funnel.csv", funnel),
        "coefficients": _csv(folder, "coefficients.csv", coefficients),
    }


def _model_files(folder, name, variables):
    predictors = ["tumour", "age"] if name == "combined" else ["age", "grade=high"][:variables]
    table = pd.DataFrame({"predictor": predictors, "coefficient": 0.7, "standard_error": 0.2, "hazard_ratio": 2.01})
    table = table.assign(hazard_ratio_low=1.36, hazard_ratio_high=2.98, p_wald=0.0005, p_zph=[0.4, 0.02], vif=1.1)
    cut = {"threshold": 0.1, "rule": "maximally selected log-rank", "p_corrected": 0.031, "p_naive": 0.0004}
    cut |= {"n_low": 30, "n_high": 30, "high_is_worse": True, "reason": ""}
    return {
        "coefficients": _csv(folder, f"{name}.csv", table.assign(method="maximum partial likelihood")),
        "cutoff": _json(folder, f"{name}.cutoff.json", cut),
    }


def _bootstrap(metrics, model):
    found = metrics.query("model == @model and cohort == 'train'").set_index("metric")["estimate"]
    names = ["c_harrell", *(f"brier_{h}" for h in HORIZONS), "ibs"]
    table = pd.DataFrame({"statistic": [*names, "slope"], "apparent": [*found[names], 1.0], "optimism": 0.05})
    table["corrected"] = table["apparent"] - 0.05
    return table.assign(out_of_bag=0.2, corrected_632=0.21, weight_632=0.7, resamples=10, note="")


def _placeholders(folder, cohorts):
    text = (
        '<?xml version="1.0"?><svg height="20pt" viewBox="0 0 72 20" width="72pt" xmlns="http://www.w3.org/2000/svg"/>'
    )
    path = str(Path(folder, "figure.svg"))
    Path(path).write_text(text)
    by_cohort = dict.fromkeys(cohorts, path)
    return {
        **dict.fromkeys(("flow", "risk_cut"), path),
        **{name: {"tumour": path} for name in ("lasso", "coefficients")},
        **dict.fromkeys(("time_auc", "prediction_error"), by_cohort),
        **{name: {f"{h:g}": by_cohort for h in HORIZONS} for name in ("survival_calibration", "survival_decision")},
        "regions": {"P000": path},
        "kaplan_meier": {"clinical": path, "combined": path},
        "subgroups": {"grade": path},
        "forest": {name: path for name in cohorts if name != "train_cv"},
    }
