"""A made-up results folder of a study, so that figures and report are tested without running the workflow.

Everything is drawn from one seed; metrics come from scikit-learn and textbook formulas, not from our own code.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
import yaml
from sklearn.metrics import roc_auc_score

from habitat_radiomics.config import complete_config
from habitat_radiomics.habitat_stability import ALL, PERTURBATIONS

ROOT = Path(__file__).resolve().parents[1]
SIZES = {"train": 40, "internal": 14, "external": 18}
STRENGTH = {"clinical": 0.5, "radiomics": 1.4, "peritumour": 0.3, "expansion": 1.0, "combined": 1.8}
IMAGES = ("original", "wavelet-LLH", "wavelet-HHL", "log-sigma-3-0-mm-3D")
FEATURES = (
    "glcm_JointEntropy",
    "firstorder_Skewness",
    "glrlm_LongRunHighGrayLevelEmphasis",
    "glszm_SmallAreaLowGrayLevelEmphasis",
    "gldm_DependenceVariance",
)


def example_config(**changes):
    """The repository's default study, complete, with top-level sections merged from ``changes``."""
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    complete, faults = complete_config(config, schema)
    assert not faults
    return {**complete, **{key: {**complete[key], **value} for key, value in changes.items()}}


def write_example(folder, *, sizes=SIZES, empty=(), config=None):
    """Write the tables of a study below ``folder`` and return their paths as the report's settings name them.

    Parameters
    ----------
    sizes : dict
        Patients by cohort.
    empty : iterable of str
        Signatures without a selected feature.
    """
    config = config or example_config()
    random = np.random.default_rng(7)
    patients = example_patients(random, sizes)
    files = {
        "patients": _csv(folder, "cohort/patients.csv", patients),
        "outcome": _csv(
            folder, "cohort/outcome.csv", patients.dropna(subset="cohort")[["patient", "cohort", "outcome"]]
        ),
        "flow": _csv(folder, "cohort/flow.csv", example_flow(patients)),
        "quality": _quality(folder, patients, sizes),
        "bin_width": _csv(folder, "quality/bin_width.csv", example_bins()),
        "volume": _csv(folder, "validate/volume.csv", example_volume(sizes)),
        "volume_proxies": _csv(folder, "validate/volume_proxies.csv", example_proxies()),
        "icc": _csv(folder, "reproducibility/icc.csv", example_icc(random)),
        "leakage": _json(folder, "quality/leakage.json", _leakage(config, sizes)),
        "signatures": {
            name: _signature(folder, random, patients, name, name in empty) for name in config["signatures"]
        },
        "habitats": {name: _habitats(folder, random, patients, name) for name in config["habitats"]},
        "models": {name: _model(folder, random, patients, name, config) for name in config["models"]},
    }
    predictions = {name: pd.read_csv(paths["predictions"]) for name, paths in files["models"].items()}
    files["metrics"] = _csv(folder, "validate/metrics.csv", example_metrics(predictions))
    files["comparisons"] = _csv(folder, "validate/comparisons.csv", example_comparisons(predictions, "clinical"))
    return files


def _csv(folder, name, table):
    path = Path(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False)
    return str(path)


def _json(folder, name, value):
    path = Path(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return str(path)


def example_patients(random, sizes):
    """Included patients by cohort, one with an unusable scan and one without an outcome."""
    cohorts = [cohort for cohort, n in sizes.items() for _ in range(n)]
    n = len(cohorts)
    table = pd.DataFrame({"patient": [f"P{i:03d}" for i in range(1, n + 1)], "cohort": cohorts})
    table["site"] = np.where(table["cohort"] == "external", "B", "A")
    table["outcome"] = (np.arange(n) % 2 == 0).astype(int)
    table["age"] = random.normal(60, 11, n).round(1)
    table["sex"] = random.choice(["F", "M"], n)
    table.loc[3, "age"] = np.nan
    table["included"] = table["patient"] != "P002"
    table["reason_code"] = np.where(table["included"], None, "mask_empty")
    table["reason"] = np.where(table["included"], None, "the tumour mask has no voxel. Check the drawing.")
    lost = {
        "patient": f"P{n + 1:03d}",
        "included": False,
        "reason_code": "outcome_missing",
        "reason": "column is empty.",
    }
    return pd.concat([table, pd.DataFrame([lost])], ignore_index=True)


def example_flow(patients):
    included = patients[patients["included"].astype(bool)]
    rows = [("screened", "", len(patients)), ("excluded", "mask empty", 1), ("excluded", "outcome missing", 1)]
    rows.append(("included", "", len(included)))
    rows += [("cohort", cohort, n) for cohort, n in included["cohort"].value_counts(sort=False).items()]
    return pd.DataFrame(rows, columns=["step", "reason", "patients"])


def _quality(folder, patients, sizes):
    known = patients.dropna(subset="cohort")
    paths = []
    for part in ("training", "validation"):
        rows = known[(known["cohort"] == "train") == (part == "training")]
        if len(rows):
            scans = rows[["patient"]].merge(pd.DataFrame({"sequence": ["T1", "T2"]}), how="cross")
            bad = scans["patient"] == "P002"
            scans = scans.assign(
                usable=~bad,
                code=np.where(bad, "mask_empty", ""),
                message=np.where(bad, "the tumour mask has no voxel.", ""),
            )
            scans = scans.assign(snr=12.5, voxels=1800, volume_mm3=1800.0, warnings="")
            again = scans["patient"] == "P001"
            scans = scans.assign(
                checked_values=again * 3390, largest_difference=again.map({True: 2e-13, False: np.nan})
            )
            paths.append(_csv(folder, f"quality/{part}.csv", scans))
    return paths


def example_icc(random):
    names = [
        f"{s}|{r}|{i}_{f}"
        for s in ("T1", "T2")
        for r in ("tumour", "peritumour", "expansion")
        for i in IMAGES
        for f in FEATURES
    ]
    inter, intra = random.beta(8, 2, len(names)), random.beta(12, 2, len(names))
    table = pd.DataFrame({"feature": names, "icc": np.minimum(inter, intra)})
    for kind, values in (("inter", inter), ("intra", intra)):
        table[f"icc_{kind}"], table[f"ci_low_{kind}"] = values, values - 0.1
        table[f"ci_high_{kind}"], table[f"n_{kind}"] = np.minimum(values + 0.05, 1), 20
    return table


def _leakage(config, sizes):
    names = [*(f"signature {name}" for name in config["signatures"]), *(f"model {name}" for name in config["models"])]
    return {"checked": dict.fromkeys(names, sizes["train"] - 1), "training": sizes["train"] - 1}


def _signature(folder, random, patients, name, empty):
    region = name if name in ("peritumour", "expansion") else "tumour"
    names = [f"{s}|{region}|{i}_{f}" for s in ("T1", "T2") for i in IMAGES[:2] for f in FEATURES][:14]
    path = example_path(random, names, empty=empty)
    last = path.loc[path["chosen"]].iloc[0]
    kept = [feature for feature in names if last[feature] != 0]
    coefficients = pd.DataFrame({"feature": ["(intercept)", *kept], "coefficient": [-0.21, *(last[f] for f in kept)]})
    steps = ["extracted", "icc", "complete", "zscore", "anova", "select_k_best", "correlation", "lasso"]
    sizes = [2260, 1804, 1804, 1804, 118, 100, 14, len(kept)]
    notes = ["", "", "", "", "nothing passed; the best feature was kept" if empty else "", "", "", ""]
    scores = patients.dropna(subset="cohort")[["patient"]].query("patient != 'P002'")
    scores = scores.assign(
        score=0.0 if empty else random.normal(0, 1, len(scores)) + patients["outcome"].reindex(scores.index)
    )
    training = scores[scores["patient"].isin(patients.query("cohort == 'train'")["patient"])]
    held_out = training.assign(fold=np.arange(len(training)) % 5, score=training["score"] * 0.7)
    base = f"select/{name}"
    return {
        "funnel": _csv(folder, f"{base}/funnel.csv", pd.DataFrame({"step": steps, "features": sizes, "note": notes})),
        "coefficients": _csv(folder, f"{base}/coefficients.csv", coefficients),
        "path": _csv(folder, f"{base}/path.csv", path),
        "scores": _csv(folder, f"{base}/scores.csv", scores),
        "cross_fitted_scores": _csv(folder, f"{base}/cross_fitted_scores.csv", held_out[["patient", "fold", "score"]]),
    }


def example_path(random, names, *, empty=False):
    """Soft-threshold paths with a cross-validated deviance that has its smallest value inside."""
    penalties = np.geomspace(0.3, 0.003, 60)
    start, slope = (
        random.uniform(0.02, 0.3, len(names)),
        random.choice([-1, 1], len(names)) * random.uniform(1, 4, len(names)),
    )
    values = np.maximum(start - penalties[:, None], 0) * slope
    chosen = 0 if empty else 32
    deviance = 1.38 - 0.25 * np.exp(-((np.arange(60) - chosen) ** 2) / 400) + 0.0005 * np.arange(60)
    path = pd.DataFrame(
        {"penalty": penalties, "deviance": deviance, "deviance_se": 0.05, "features": (values != 0).sum(axis=1)}
    )
    path["chosen"] = np.arange(60) == chosen
    return pd.concat([path, pd.DataFrame(values, columns=names)], axis=1)


def _habitats(folder, random, patients, name):
    shares = random.dirichlet((2, 5, 3), len(patients))
    artifact = {
        "k": 3, "names": ["low", "medium", "high"], "channels": ["T2"], "centroids": [[-120.0], [4.5], [150.0]],
        "explained": 0.87, "sampled_voxels": 78_000, "patients": 39,
        "selection": {"criterion": "bic", "chosen": 3, "curve": [{"k": 1, "value": 9.0}, {"k": 6, "value": 7.0}]},
    }  # fmt: skip
    table = pd.DataFrame(shares, columns=["habitat1", "habitat2", "habitat3"])
    table.insert(0, "patient", patients["patient"])
    base = f"habitats/{name}"
    return {
        "artifact": _json(folder, f"{base}/habitats.json", artifact),
        "shares": _csv(folder, f"{base}/s.csv", table),
        "stability": _csv(folder, f"{base}/stability.csv", _agreement(random)),
        "features": _csv(folder, f"{base}/feature_stability.csv", _feature_stability(random, name)),
    }


def _agreement(random):
    rows = [
        (f"P{patient:03d}", change, measure, habitat, random.uniform(0.6, 1), "")
        for patient in range(1, 6)
        for change in PERTURBATIONS
        for measure, habitat in (("dice", "1"), ("dice", "2"), ("dice", "3"), ("ari", ALL))
    ]
    return pd.DataFrame(rows, columns=["patient", "perturbation", "measure", "habitat", "value", "reason"])


def _feature_stability(random, name):
    rows = [
        (f"T2|{name}{habitat}|{feature}", change, random.uniform(0.3, 1), 0.2, 1.0, 5, "")
        for change in (ALL, *PERTURBATIONS)
        for habitat in (1, 2, 3)
        for feature in FEATURES
    ]
    return pd.DataFrame(rows, columns=["feature", "perturbation", "icc", "ci_low", "ci_high", "n", "reason"])


def _model(folder, random, patients, name, config):
    chosen = config["models"][name]
    predictors = [
        *chosen["signatures"],
        *(p for p, column in (("age", "age"), ("sex=M", "sex")) if column in chosen["clinical"]),
    ]
    beta = random.normal(0.5, 0.4, len(predictors) + 1)
    table = pd.DataFrame({"predictor": ["(intercept)", *predictors], "coefficient": beta, "standard_error": 0.3})
    table["odds_ratio"] = np.exp(beta)
    table["odds_ratio_low"], table["odds_ratio_high"] = np.exp(beta - 0.588), np.exp(beta + 0.588)
    table["p_wald"] = np.linspace(0.0004, 0.6, len(beta))
    table["vif"] = np.r_[np.nan, np.linspace(1.0, 1.4, len(predictors))]
    table["method"] = "Firth" if name == "combined" else "maximum likelihood"
    predictions = example_predictions(random, patients, STRENGTH.get(name, 1.0))
    return {
        "coefficients": _csv(folder, f"train/{name}/coefficients.csv", table),
        "cutoff": _json(
            folder, f"train/{name}/cutoff.json", {"threshold": 0.12, "rule": "Youden", "fitted_on": ["00"]}
        ),
        "predictions": _csv(folder, f"validate/{name}/predictions.csv", predictions),
    }


def example_predictions(random, patients, strength):
    known = patients.dropna(subset="cohort").query("patient != 'P002'")[["patient", "cohort", "outcome"]]
    known = known.assign(outcome=known["outcome"].astype(int))
    everyone = known.assign(score=random.normal(0, 1, len(known)) + strength * (known["outcome"] - 0.4))
    held_out = everyone.query("cohort == 'train'").assign(cohort="train_cv")
    held_out["score"] = held_out["score"] * 0.6 + random.normal(0, 0.7, len(held_out))
    order = ["train", "train_cv", "internal", "external"]
    table = pd.concat([everyone, held_out]).sort_values("cohort", key=lambda c: c.map(order.index), kind="stable")
    return table.assign(
        probability=1 / (1 + np.exp(-table["score"])), group=np.where(table["score"] > 0.12, "high", "low")
    )


def example_metrics(predictions):
    """AUC (scikit-learn) with a Hanley-McNeil interval, proportions with a Wald interval."""
    rows = []
    for model, table in predictions.items():
        for cohort, part in table.groupby("cohort", sort=False):
            y, high = part["outcome"].to_numpy(), (part["group"] == "high").to_numpy()
            n, events = len(y), int(y.sum())
            auc = roc_auc_score(y, part["score"])
            half = 1.96 * np.sqrt(auc * (1 - auc) / min(events, n - events))
            rows.append(
                (model, cohort, "auc", auc, max(auc - half, 0), min(auc + half, 1), np.nan, n, events, "DeLong", "")
            )
            counts = {
                "accuracy": ((high == y).sum(), n),
                "sensitivity": (high[y == 1].sum(), events),
                "specificity": ((~high)[y == 0].sum(), n - events),
                "ppv": (y[high].sum(), high.sum()),
                "npv": ((1 - y)[~high].sum(), (~high).sum()),
            }
            for metric, (k, of) in counts.items():
                p = k / of if of else np.nan
                half = 1.96 * np.sqrt(p * (1 - p) / of) if of else np.nan
                rows.append((model, cohort, metric, p, max(p - half, 0), min(p + half, 1), k, of, events, "wilson", ""))
    columns = ["model", "cohort", "metric", "estimate", "ci_low", "ci_high", "k", "n", "events", "method", "note"]
    return pd.DataFrame(rows, columns=columns)


def example_comparisons(predictions, reference):
    metrics = example_metrics(predictions).query("metric == 'auc'").set_index(["model", "cohort"])
    rows = []
    for (model, cohort), row in metrics.iterrows():
        if model != reference:
            difference = row["estimate"] - metrics.loc[(reference, cohort), "estimate"]
            rows.append(
                (
                    model,
                    reference,
                    cohort,
                    row["n"],
                    difference,
                    difference - 0.2,
                    difference + 0.2,
                    difference / 0.1,
                    0.0314,
                )
            )
    return pd.DataFrame(
        rows, columns=["model", "reference", "cohort", "n", "difference", "ci_low", "ci_high", "z", "p"]
    )


def example_scan(*, spacing_mm=(1.0, 1.0, 2.0), size=(60, 50, 24), centre=(28, 26, 13)):
    """An image with a bright ellipsoid and its labels: 1 tumour, 2 shell."""
    z, y, x = np.indices(size[::-1])
    distance = np.sqrt(sum(((axis - c) * s) ** 2 for axis, c, s in zip((x, y, z), centre, spacing_mm, strict=True)))
    labels = np.where(distance <= 9, 1, np.where(distance <= 14, 2, 0)).astype(np.uint8)
    noise = np.random.default_rng(3).normal(0, 12, labels.shape)
    image = sitk.GetImageFromArray((100 + 90 * (distance <= 9) + 30 * np.sin(x / 9) + noise).astype(np.float32))
    regions = sitk.GetImageFromArray(labels)
    for picture in (image, regions):
        picture.SetSpacing(spacing_mm)
        picture.SetOrigin((-30.0, -25.0, -40.0))
    return image, regions


def example_settings(config=None, *, cohorts=("train", "train_cv", "internal", "external")):
    """Settings of the report of the example, as `settings.report` gives them."""
    config = config or example_config()
    orders = {name: list(config[name]) for name in ("sequences", "clinical", "habitats", "signatures", "models")}
    return {
        "config": config,
        "orders": orders,
        "cohorts": list(cohorts),
        "reference": "clinical",
        "headline": "combined",
    }


def _habitat_figures(drawn, name):
    charts = {kind: drawn(f"habitats/{name}/{kind}") for kind in ("count", "centres", "stability", "fractions")}
    return {**charts, "overlays": {"P001": drawn(f"habitats/{name}/P001")}, "montage": [drawn(f"habitats/{name}/all")]}


def write_placeholders(folder, config, cohorts):
    """Empty pictures at the places of the figures: the report does not look into them."""
    svg = (
        '<?xml version="1.0"?><svg height="20pt" viewBox="0 0 72 20" width="72pt" xmlns="http://www.w3.org/2000/svg"/>'
    )

    def drawn(name):
        path = Path(folder, "figures", f"{name}.svg")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(svg)
        return str(path)

    return {
        "flow": drawn("flow"),
        "reproducibility": drawn("reproducibility"),
        "regions": {"P001": drawn("regions/P001")},
        "habitats": {name: _habitat_figures(drawn, name) for name in config["habitats"]},
        "roc": {cohort: drawn(f"roc/{cohort}") for cohort in cohorts},
        **{
            kind: {name: drawn(f"{kind}/{name}") for name in config["signatures"]}
            for kind in ("lasso", "coefficients", "scores")
        },
    }


def example_provenance():
    """A record of provenance with one table and no repository."""
    return {
        "config": example_config(),
        "versions": {"python": "3.11.4", "numpy": "2.4.0", "pyradiomics": "3.0.1"},
        "commit": None,
        "modified": None,
        "inputs": {"scans": {}, "tables": {"patients": "0" * 64}},
        "results": {"results/demo/validate/metrics.csv": "1" * 64},
    }


def example_bins():
    """Bins of one image with the width used, and with a better one."""
    rows = [("T1", "original", 25, 40, 12.0, 10.0, 14.0, 8.0, 20.0, 0.2, True, False)]
    rows += [("T1", "original", 10, 40, 30.0, 25.0, 35.0, 20.0, 50.0, 1.0, False, True)]
    columns = ["sequence", "image", "width", "patients", "median", "q1", "q3", "fewest", "most", "share_usual"]
    return pd.DataFrame(rows, columns=[*columns, "used", "suggested"])


def example_volume(sizes):
    """AUC of the volume alone in every cohort."""
    rows = [(cohort, "auc", 0.55, 0.4, 0.7, n, n // 2) for cohort, n in sizes.items()]
    return pd.DataFrame(rows, columns=["cohort", "measure", "estimate", "ci_low", "ci_high", "n", "events"])


def example_proxies():
    """One selected feature that follows the volume."""
    feature = "T1|tumour|original_glcm_JointEntropy"
    return pd.DataFrame({"signature": ["tumour"], "feature": feature, "coefficient": 0.4, "rho": 0.81, "n": 40})
