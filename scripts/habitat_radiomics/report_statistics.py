"""Sections of the report page on calibration and clinical usefulness, composed from stored tables."""

from habitat_radiomics.labels import cohort_label, count, interval, missing, number, p_value, percent
from habitat_radiomics.report_blocks import figure, gallery, section, stored, table

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
