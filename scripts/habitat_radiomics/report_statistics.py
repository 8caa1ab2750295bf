"""Sections of the report page on calibration and clinical usefulness, composed from stored tables."""

import pandas as pd

from habitat_radiomics.bootstrap_tables import FEWEST_DEFINED
from habitat_radiomics.labels import (
    DASH,
    coefficient,
    cohort_label,
    count,
    feature_label,
    interval,
    missing,
    number,
    p_value,
    percent,
)
from habitat_radiomics.report_blocks import figure, gallery, paragraph, section, stored, table

CALIBRATION_COLUMNS = {
    "intercept": ("Intercept", 2),
    "slope": ("Slope", 2),
    "oe_ratio": ("Observed / expected", 2),
    "brier": ("Brier", 3),
    "brier_scaled": ("Scaled Brier", 2),
    "ici": ("ICI", 3),
    "e90": ("E90", 3),
    "emax": ("Emax", 3),
    "hosmer_lemeshow": ("Hosmer-Lemeshow", 1),
}


BOOTSTRAP_ROWS = {"auc": ("AUC", 2), "brier": ("Brier score", 3), "slope": ("Calibration slope", 2)}
MOST_FEATURES = 15


RECLASSIFICATION = {
    "nri_continuous": "Continuous NRI",
    "nri_categorical": "Categorical NRI",
    "idi": "IDI",
    "event": "with the event",
    "nonevent": "without the event",
}


def leakage_sentence(leakage):
    """Say how many fitted objects were checked for patients outside the training cohort; None where none was fitted."""
    if not leakage:
        return None
    sizes = leakage["checked"].values()
    patients = " to ".join(dict.fromkeys((count(min(sizes)), count(max(sizes)))))
    return paragraph(
        f"{count(len(sizes))} fitted objects were checked; all saw training patients only ({patients} patients each)."
    )


def audit_sentence(checks, *, survival=False):
    """Say how many relations of the printed numbers were checked; the run had stopped if one had failed."""
    if checks is None:
        return None
    by = "lifelines and other code" if survival else "other code"
    return paragraph(
        f"The numbers below were derived again from the stored predictions, by {by}, and compared: "
        f"{count(len(checks))} checks, all passed."
    )


def volume_blocks(results, captions):
    """What the tumour's volume alone predicts, and how the selected features follow it; nothing when not stored."""
    return [volume_table(results, captions), proxy_table(results)] if results.statistics["volume"] is not None else []


def volume_table(results, captions):
    """AUC (or C-index) of the volume alone beside that of the headline model, by cohort."""
    measured, rows = results.statistics["volume"].set_index("cohort"), []
    for cohort in (c for c in results.cohorts if c in measured.index):
        alone, model = measured.loc[cohort], results.metric(results.headline, cohort, results.measure)
        cells = [_with_interval(alone), DASH if model is None else _with_interval(model)]
        rows.append([cohort_label(cohort), count(alone["n"]), *cells])
    header = [
        "Cohort",
        "n",
        f"{results.measure_label} of the volume",
        f"of {results.label('models', results.headline)}",
    ]
    download = stored(results.files["volume"])
    title = f"Tumour volume alone ({percent(results.level)} CI)"
    return table(title, header, rows, note=captions("volume"), download=download)


def _with_interval(row):
    if missing(row["estimate"]):
        return (DASH, "not estimable")
    return (number(row["estimate"]), f"({interval(row['ci_low'], row['ci_high'])})")


def proxy_table(results):
    """Rank correlation of every selected feature with the volume, folded; None when nothing was selected."""
    proxies, rows = results.statistics["volume_proxies"], []
    for signature, part in proxies.groupby("signature", sort=False):
        rows.append([results.label("signatures", signature)])
        rows += [
            [feature_label(row.feature), coefficient(row.coefficient), number(row.rho)] for row in part.itertuples()
        ]
    header = ["Feature", "Coefficient", "Correlation with the volume (Spearman)"]
    download = stored(results.files["volume_proxies"])
    title = "Selected features and the tumour's volume (training)"
    return table(title, header, rows, download=download, folded=True) if rows else None


def supplement_blocks(results, captions):
    """Average precision, reclassification and permutation test, as far as they were stored."""
    return [
        precision_table(results, captions),
        reclassification_table(results, captions),
        permutation_picture(results, captions),
    ]


def precision_table(results, captions):
    """Average precision of every model beside the share of events; None when it was not stored."""
    measured, rows = results.statistics["precision"], []
    if measured is None:
        return None
    for cohort in results.cohorts:
        part = measured[measured["cohort"] == cohort]
        if len(part):
            rows.append([f"{cohort_label(cohort)}: {percent(round(part['prevalence'].iloc[0], 3))} events"])
        for row in part.itertuples():
            limits = f"({interval(row.ci_low, row.ci_high)})"
            rows.append([results.label("models", row.model), (number(row.estimate), limits)])
    header = ["Model", f"Average precision ({percent(results.level)} CI)"]
    download = stored(results.files["precision"])
    return table("Precision and recall", header, rows, note=captions("precision"), download=download, folded=True)


def reclassification_table(results, captions):
    """NRI and IDI of the headline model, with the warning; None when there is nothing to compare."""
    measured, rows = results.statistics["reclassification"], []
    if measured is None or measured.empty:
        return None
    for cohort in results.cohorts:
        part = measured[measured["cohort"] == cohort]
        if len(part):
            rows.append([f"{cohort_label(cohort)}: n = {count(part['n'].iloc[0])}"])
        for row in part.itertuples():
            limits = f"({interval(row.ci_low, row.ci_high)})"
            rows.append([_reclassification_title(row.metric), (number(row.estimate), limits), p_value(row.p)])
    labels = [results.label("models", name) for name in (results.headline, results.reference)]
    title = f"Reclassification by {labels[0]} against {labels[1]} ({percent(results.level)} CI)"
    download = stored(results.files["reclassification"])
    header = ["Measure", "Estimate", "p"]
    return table(title, header, rows, note=captions("reclassification"), download=download, folded=True)


def _reclassification_title(metric):
    base, _, part = metric.rpartition("_")
    if part in ("event", "nonevent"):
        return f"{RECLASSIFICATION[base]}, {RECLASSIFICATION[part]}"
    return RECLASSIFICATION[metric]


def permutation_picture(results, captions):
    """Histograms of the permutation test; None when the study did not ask for one."""
    test = results.statistics.get("permutation")
    if test is None:
        return None
    found = "; ".join(f"{cohort_label(row.cohort).lower()} p {p_value(row.p)}" for row in test.itertuples())
    alt = f"{results.measure_label} under permuted outcomes and of the study: {found}."
    return figure(results.files["figures"]["permutation"], alt=alt, caption=captions("permutation"))


def nomogram_section(results, captions):
    """The nomogram and its points; None when it was not drawn."""
    points = results.statistics["points"]
    if points is None:
        return None
    drawn = figure(
        results.files["figures"]["nomogram"],
        alt="Nomogram: axes of points, of every predictor, of total points and of the risk.",
        caption=captions("nomogram"),
    )
    rows = []
    for label, part in points.groupby("label", sort=False):
        rows.append([label])
        rows += [[str(row.value), number(row.points, 1)] for row in part.itertuples()]
    scores = table(
        "Points of every predictor",
        ["Value", "Points"],
        rows,
        download=stored(results.files["points"]),
        folded=True,
    )
    return section("nomogram", "Nomogram", [drawn, scores if rows else None])


def bootstrap_section(results, captions):
    """Performance corrected for optimism in three ways beside cross-validation; None without a bootstrap."""
    if not results.statistics["bootstrap"]:
        return None
    return section("bootstrap", "Optimism", [bootstrap_table(results, captions)])


def bootstrap_table(results, captions):
    """Apparent, corrected and out-of-bag performance of every model."""
    tables, rows = results.statistics["bootstrap"], []
    for statistic, (title, decimals) in BOOTSTRAP_ROWS.items():
        rows.append([title])
        for model in results.orders["models"]:
            row = tables[model].set_index("statistic").loc[statistic]
            names = ("apparent", "optimism", "corrected", "out_of_bag", "corrected_632")
            if missing(row["corrected"]):
                row = row.drop("optimism")  # of a slope without bounds
            cells = [number(row.get(name), decimals) for name in names]
            cells.insert(2, _fixed_features(results, model, statistic, decimals))
            rows.append([results.label("models", model), *cells, _cross_validated(results, model, statistic, decimals)])
    counts = sorted({int(table["resamples"].iloc[0]) for table in tables.values()})
    header = ["Model", "Apparent", "Optimism", "Fixed features", "Harrell", "Out of bag", ".632+", "Cross-validated"]
    data = pd.concat([tables[model].assign(model=model) for model in results.orders["models"]])
    return table(
        f"Optimism by {' to '.join(map(count, counts))} bootstraps of the whole chain",
        header,
        rows,
        note=captions("bootstrap"),
        download=("bootstrap.csv", csv_bytes(data[["model", *data.columns.drop("model")]])),
    )


def _fixed_features(results, model, statistic, decimals):
    """The same measure corrected with the features held fixed; a dash where it is not defined or was not stored."""
    tables = results.statistics["fixed_features"]
    if not tables:
        return number(None)
    row = tables[model].set_index("statistic").loc[statistic]
    bounded = row["resamples"] >= FEWEST_DEFINED * tables[model]["resamples"].max()
    return number(row["corrected"] if bounded else None, decimals)


def _cross_validated(results, model, statistic, decimals):
    """The same measure by cross-validation of the whole chain."""
    if statistic == "auc":
        row = results.metric(model, "train_cv", "auc")
        return number(None if row is None else row["estimate"], decimals)
    measures = results.statistics["calibration"]
    if measures is None:
        return number(None)
    rows = measures.query("model == @model and cohort == 'train_cv' and metric == @statistic")
    return number(rows["estimate"].iloc[0] if len(rows) else None, decimals)


def frequency_of(results, signature):
    """Return how often each feature of a signature was selected, by feature; None without a bootstrap.

    All models with the signature share its resamples, and so its selections.
    """
    for model in results.orders["models"]:
        if signature in results.config["models"][model]["signatures"] and results.statistics["frequency"]:
            table_of_model = results.statistics["frequency"][model]
            return table_of_model[table_of_model["signature"] == signature].set_index("feature")
    return None


def frequency_table(results, signature, captions):
    """Features most often selected, in the score or not; None without a bootstrap."""
    frequency = frequency_of(results, signature)
    if frequency is None or frequency.empty:
        return None
    rows = [
        [feature_label(row.Index), share_text(row.frequency), share_text(row.positive), "yes" if row.in_study else "no"]
        for row in frequency.head(MOST_FEATURES).itertuples()
    ]
    return table(
        f"Features most often selected in resamples, {results.label('signatures', signature)}",
        ["Feature", "Selected in resamples", "Of these with positive coefficient", "In the score"],
        rows,
        note=captions("frequency"),
        download=(f"selection_frequency_{signature}.csv", csv_bytes(frequency.reset_index())),
        folded=True,
    )


def share_text(value):
    """Return a share as whole per cent; an en dash when it is missing."""
    return number(None) if missing(value) else percent(round(value, 2))


def csv_bytes(data):
    """Return a table as the bytes of a CSV file."""
    return data.to_csv(index=False, lineterminator="\n").encode("utf-8")


def calibration_section(results, captions):
    """Measures of calibration and the curves of every cohort; None when they were not stored."""
    if results.statistics["calibration"] is None:
        return None
    pictures = cohort_gallery(results, captions, "calibration", "Calibration curves of all models")
    return section("calibration", "Calibration", [calibration_table(results, captions), pictures])


def decision_section(results, captions):
    """Decision curves of every cohort; None when they were not drawn."""
    if "decision" not in results.files["figures"]:
        return None
    pictures = cohort_gallery(results, captions, "decision", "Decision curves of all models")
    return section("decision", "Clinical usefulness", [pictures])


def cohort_gallery(results, captions, kind, words):
    """Return the figures of one kind, a figure for each cohort, with their captions."""
    paths = results.files["figures"][kind]
    pictures = [
        figure(
            paths[cohort],
            alt=f"{words}, {cohort_label(cohort).lower()}.",
            caption=captions(kind, cohort=cohort),
            file_name=f"{kind}_{cohort}.svg",
        )
        for cohort in results.cohorts
    ]
    return gallery(pictures, caption="")


def calibration_table(results, captions):
    """Every measure of calibration, cohort by cohort."""
    measures, rows = results.statistics["calibration"], []
    for cohort in results.cohorts:
        part = measures[measures["cohort"] == cohort]
        if part.empty:
            continue
        sizes = part.iloc[0]
        rows.append([f"{cohort_label(cohort)}: n = {count(sizes['n'])}, {count(sizes['events'])} events"])
        for model in results.orders["models"]:
            of_model = part[part["model"] == model].set_index("metric")
            cells = [measure_cell(of_model.loc[name], decimals) for name, (_, decimals) in CALIBRATION_COLUMNS.items()]
            rows.append([results.label("models", model), *cells])
    return table(
        f"Calibration of every model ({percent(results.level)} CI)",
        ["Model", *(title for title, _ in CALIBRATION_COLUMNS.values())],
        rows,
        note=captions("calibration_table"),
        download=stored(results.files["calibration"]),
    )


def measure_cell(row, decimals):
    """Return an estimate with its interval or, for a test, its p value; ``not estimable`` when it is missing."""
    if missing(row["estimate"]):
        return (number(row["estimate"]), "not estimable")
    if row.name == "hosmer_lemeshow":
        return (number(row["estimate"], decimals), f"(p = {p_value(row['p'])})".replace("= <", "< "))
    has_interval = not (missing(row["ci_low"]) or missing(row["ci_high"]))
    limits = f"({interval(row['ci_low'], row['ci_high'], decimals)})" if has_interval else ""
    return (number(row["estimate"], decimals), limits)
