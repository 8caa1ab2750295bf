"""The page on patients to whom the models of a bundle were applied: predictions, warnings, validation."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from habitat_radiomics.application_warnings import NOTE, REFUSED, WARNING
from habitat_radiomics.bundle_needs import needs_text
from habitat_radiomics.cox_predictor import RISK
from habitat_radiomics.labels import DASH, count, feature_label, interval, missing, number, percent, significant
from habitat_radiomics.recalibration import INTERCEPT, ORIGINAL, SLOPE, UPDATES
from habitat_radiomics.report import caption_reader, rendered_page
from habitat_radiomics.report_blocks import bullets, figure, gallery, listing, paragraph, section, stored, table
from habitat_radiomics.report_habitats import habitat_table
from habitat_radiomics.report_nested import applied_blocks
from habitat_radiomics.report_sections import binary_sections, headline_sentence
from habitat_radiomics.report_survival import survival_sections
from habitat_radiomics.results import STATISTICS, Results, read_any

MANY_ROWS, MANY_PATIENTS = 30, 100  # above this a table is folded
SEVERITIES = {REFUSED: "Not predicted", WARNING: "Warning", NOTE: "Note"}
UPDATE_WORDS = {ORIGINAL: "as it came", INTERCEPT: "intercept updated", SLOPE: "intercept and slope updated"}
OWN_FIT = (
    "Recalibrated figures are fitted on the very patients they are shown for: they say how the models could be brought "
    "to this centre, not how well they then do. That needs further patients. The ranking of the patients, and so the "
    "AUC or C-index, is the same with and without."
)


@dataclass(frozen=True)
class Application:
    """What was found of the patients.

    Attributes
    ----------
    results : Results
        Of the patients whose outcome is known, as the report of a study reads them.
    predictions : dict
        Model to the table of `validation.patient_predictions`.
    warnings, outside : DataFrame
        See `application_warnings`.
    manifest : dict
        Of the bundle.
    digest : str
        SHA-256 of the bundle.
    needs : dict
        See `bundle_needs.needs_of`.
    screened, outcomes : int
        Rows of the patients table, and how many outcomes of complete patients are known.
    judged : bool
        Whether the models were validated on them.
    """

    results: Results
    predictions: dict
    warnings: pd.DataFrame
    outside: pd.DataFrame
    manifest: dict
    digest: str
    needs: dict
    screened: int
    outcomes: int
    judged: bool

    @property
    def patients(self):
        """Patients that were predicted."""
        return list(next(iter(self.predictions.values()))["patient"])


def load_application(settings, bundle, digest):
    """Read everything the page shows.

    Parameters
    ----------
    settings : dict
        See `bundle_settings.application`, with ``files``.
    bundle : bundle.Bundle
    digest : str
        SHA-256 of its file.
    """
    files, judged = settings["files"], settings["files"]["judged"]
    chosen = ("config", "orders", "cohorts", "reference", "headline")
    results = Results(
        **{name: settings[name] for name in chosen},
        files={**files, **judged},
        patients=pd.read_csv(files["patients"], dtype=str),
        flow=read_any(files["flow"]),
        quality=pd.concat([pd.read_csv(path, dtype=str) for path in files["quality"]], ignore_index=True),
        icc=None,
        signatures={},
        models={name: read_any(paths) for name, paths in files["models"].items()},
        habitats={name: read_any(paths) for name, paths in files["habitats"].items()},
        nested={name: read_any(paths) for name, paths in files["nested"].items()},
        metrics=read_any(judged.get("metrics")),
        comparisons=read_any(judged.get("comparisons")),
        leakage={},
        statistics={name: read_any(judged.get(name)) for name in (*STATISTICS, *RECALIBRATED)},
    )
    return Application(
        results=results,
        predictions={name: read_any(files["predictions"][name]) for name in settings["orders"]["models"]},
        warnings=read_any(files["warnings"]).fillna({"patient": "", "where": "", "found": "", "training": ""}),
        outside=read_any(files["outside"]),
        manifest=bundle.manifest,
        digest=digest,
        needs=bundle.json("needs.json"),
        screened=settings["screened"],
        outcomes=settings["outcomes"],
        judged=settings["judges"],
    )


RECALIBRATED = ("recalibrated_coefficients", "recalibrated_measures")


def application_page(application, parts):
    """Return the page as HTML text; ``parts`` as `report.report_page`."""
    results, caption = application.results, caption_reader(parts)
    judged_sections = survival_sections if results.is_survival else binary_sections
    sections = [
        predictions_section(application),
        warnings_section(application),
        images_section(application, caption),
        *(judged_sections(results, caption) if application.judged else []),
        recalibration_section(application),
        bundle_section(application),
    ]
    return rendered_page(
        parts,
        title=results.config["report"]["title"] or f"Models of the study {application.manifest['study']}, applied",
        study=results.config["study"],
        outcome=results.outcome,
        headline=summary(application),
        sections=[part for part in sections if part],
    )


# Summary ----------------------------------------------------------------------------------------------------------


def summary(application):
    """Sentences and cards at the top of the page."""
    results, warnings = application.results, application.warnings
    predicted, refused = len(application.patients), _patients(warnings, REFUSED)
    concerned = _patients(warnings, WARNING)
    sentences = [
        f"{count(predicted)} of {_counted(application.screened, 'patient')} predicted by the models of the study "
        f"{application.manifest['study']}, which were fitted on {count(application.needs['patients'])} patients."
    ]
    if results.metrics is not None:
        sentences.append(headline_sentence(results, results.label("models", results.headline), "external"))
        sentences += _known_sentence(application.warnings)
    else:
        sentences.append(_unjudged(application))
    cards = [
        _card("Predicted", count(predicted), f"of {count(application.screened)} patients", main=True),
        _card("Not predicted", count(refused), "what is missing is listed below"),
        _card("With warnings", count(concerned), "other than the training patients"),
    ]
    word = "warnings and notes below"
    return {"measure": "", "sentences": sentences, "cards": cards, "warnings": word}


def _patients(warnings, severity):
    found = warnings[(warnings["severity"] == severity) & (warnings["patient"] != "")]
    return found["patient"].nunique()


def _known_sentence(warnings):
    """Say that a validation is none where patients may have trained the models; nothing where none may."""
    known = warnings[warnings["kind"] == "trained_on"]["patient"].nunique()
    if not known:
        return []
    return [
        f"Of the patients, {count(known)} have identifiers of training patients. If they are the same persons, this is "
        "no validation: leave them out, or rename them if they are not."
    ]


def _unjudged(application):
    if not application.outcomes:
        return "Their outcomes are not known, so that nothing is said of how good the predictions are."
    known = "One outcome is" if application.outcomes == 1 else f"{count(application.outcomes)} outcomes are"
    return f"{known} known: too few, or all alike, to validate the models on these patients."


def _counted(n, noun):
    return f"{count(n)} {noun} was" if n == 1 else f"{count(n)} {noun}s were"


def _card(title, value, note, *, main=False):
    return {"title": title, "value": value, "interval": "", "size": "", "note": note, "main": main}


# Predictions and warnings -----------------------------------------------------------------------------------------


def predictions_section(application):
    """Risk and group of every patient by every model, with the number of warnings."""
    results = application.results
    concerned = application.warnings[application.warnings["severity"] == WARNING]["patient"].value_counts()
    tables = {name: table.set_index("patient") for name, table in application.predictions.items()}
    rows = []
    for patient in application.patients:
        cells = [cell for table in tables.values() for cell in _risk_cells(table.loc[patient])]
        rows.append([patient, *cells, count(concerned.get(patient, 0))])
    header = ["Patient", *(title for name in tables for title in _risk_titles(results, name)), "Warnings"]
    shown = table(
        f"Predictions (patients: {count(len(rows))})",
        header,
        rows,
        note="Probability of the outcome; the group is high from the cut-off on that was learnt in training.",
        folded=len(rows) > MANY_PATIENTS,
    )
    paths = results.files["predictions"]
    downloads = [
        table(
            f"Predictions of {results.label('models', name)} as a file",
            ["Column", "Meaning"],
            _column_rows(results, application.predictions[name]),
            download=stored(paths[name], f"predictions_{name}.csv"),
            folded=True,
        )
        for name in tables
    ]
    return section("predictions", "Predictions", [shown, *downloads])


def _risk_columns(prediction):
    return [column for column in prediction.index if column == "probability" or str(column).startswith(RISK)]


def _risk_cells(prediction):
    group = prediction["group"]
    word = "" if pd.isna(group) else f"({group} risk)"
    first, *others = [f"{100 * prediction[column]:.1f} %" for column in _risk_columns(prediction)]
    return [(first, word), *others]


def _risk_titles(results, name):
    label, outcome = results.label("models", name), results.config["outcome"]
    if not results.is_survival:
        return [label]
    return [f"{label}, by {horizon:g} {outcome['unit']}" for horizon in outcome["horizons"]]


def _column_rows(results, predictions):
    words = {
        "patient": "identifier",
        "score": "what the cut-off applies to; higher means a higher risk",
        "probability": f"probability of {results.outcome}",
        "group": "high or low risk by the cut-off learnt in training; empty where there is none",
    }
    unit = results.config["outcome"]["unit"]
    risks = {c: f"probability of {results.outcome} by {c.removeprefix(RISK)} {unit}" for c in predictions}
    return [[column, words.get(column, risks[column])] for column in predictions]


def warnings_section(application):
    """What was found that makes a prediction doubtful, or impossible; files to save."""
    table_of = application.warnings
    general = table_of[table_of["patient"] == ""]
    own = table_of[table_of["patient"] != ""]
    lost = own[own["severity"] == REFUSED]
    others = own[own["severity"] != REFUSED]
    blocks = [
        bullets(general["message"]) if len(general) else None,
        _message_table("Patients that are not predicted", lost) if len(lost) else None,
        _message_table("Warnings and notes", others, download=stored(application.results.files["warnings"])),
        _outside_table(application),
    ]
    return section("warnings", "Warnings", blocks)


def _message_table(title, rows, *, download=None):
    cells = [[row.patient, SEVERITIES[row.severity], row.message] for row in rows.itertuples()]
    return table(
        f"{title} ({count(len(cells))})",
        ["Patient", "", "What was found"],
        cells,
        note="" if cells else "None.",
        download=download,
        folded=len(cells) > MANY_ROWS,
    )


def _outside_table(application):
    outside = application.outside
    rows = [
        [
            row.patient,
            application.results.label("models", row.model),
            feature_label(row.feature),
            significant(row.value),
            f"{significant(row.low)} to {significant(row.high)}",
            DASH if missing(row.sd_outside) else number(row.sd_outside, 1),
        ]
        for row in outside.itertuples()
    ]
    header = ["Patient", "Model", "Feature", "Value", "Training patients", "SD outside"]
    note = "Feature values as the signature takes them: harmonised where it harmonises, before standardisation."
    download = stored(application.results.files["outside"])
    title = f"Features outside the range of the training patients, or missing ({count(len(rows))})"
    return table(title, header, rows, note=note, download=download, folded=True) if rows else None


def images_section(application, captions):
    """Regions of some patients, and the habitats of all, nested ones with their maps."""
    results, drawn = application.results, application.results.files["figures"]
    regions = [
        figure(path, alt=f"Slices of patient {patient} with regions.", file_name=f"regions_{patient}.png")
        for patient, path in drawn["regions"].items()
    ]
    blocks = [gallery(regions, caption=captions("regions"))]
    for name in results.orders["habitats"]:
        label = results.config["habitats"][name]["label"] or name
        pages = [
            figure(path, alt=f"{label} of all patients.", caption=captions("habitats_montage"))
            for path in drawn["montage"][name]
            if Path(path).suffix == ".png"
        ]
        blocks += [habitat_table(results, name, label), gallery(pages, caption="")]
    for name in results.orders.get("nested", []):
        blocks += applied_blocks(results, name, captions)
    return section("images", "Regions and habitats", blocks)


# Recalibration and the bundle -------------------------------------------------------------------------------------


def recalibration_section(application):
    """Updates of every model, and its calibration with and without them; None where nothing was validated."""
    results = application.results
    coefficients, measures = (results.statistics[name] for name in RECALIBRATED)
    if coefficients is None:
        return None
    blocks = [
        paragraph(OWN_FIT),
        _update_table(results, coefficients),
        *(_calibration_table(results, part, horizon) for horizon, part in _by_horizon(measures)),
    ]
    return section("recalibration", "Recalibration", blocks)


def _by_horizon(measures):
    return [(None, measures)] if "horizon" not in measures else list(measures.groupby("horizon"))


def _update_table(results, coefficients):
    first = "Change of the log baseline hazard" if results.is_survival else "Intercept"
    rows, unit = [], results.config["outcome"]["unit"]
    for row in coefficients.itertuples():
        horizon = "" if missing(row.horizon) else f", by {row.horizon:g} {unit}"
        reason = "" if pd.isna(row.reason) else row.reason
        cells = [(number(row.intercept, 3), reason), number(row.slope, 3)]
        rows.append([f"{results.label('models', row.model)}{horizon}", UPDATE_WORDS[row.update], *cells])
    note = (
        "New hazard = exp(change) x old baseline hazard x exp(slope x score)."
        if results.is_survival
        else "New log odds = intercept + slope x old log odds."
    )
    download = stored(results.files["recalibrated_coefficients"])
    return table("Updates", ["Model", "Update", first, "Slope"], rows, note=note, download=download)


BINARY_MEASURES = {
    "intercept": "Intercept",
    "slope": "Slope",
    "oe_ratio": "Observed / expected",
    "brier": "Brier score",
}
SURVIVAL_MEASURES = {"mean_predicted": "Predicted", "observed": "Observed", "slope": "Slope", "ici": "ICI"}


def _calibration_table(results, measures, horizon):
    shown, rows = SURVIVAL_MEASURES if results.is_survival else BINARY_MEASURES, []
    for model in results.orders["models"]:
        rows.append([results.label("models", model)])
        for update in UPDATES:
            part = measures[(measures["model"] == model) & (measures["update"] == update)].set_index("metric")
            if len(part):
                rows.append([UPDATE_WORDS[update].capitalize(), *(_measure_cell(part.loc[name]) for name in shown)])
    by = "" if horizon is None else f" by {horizon:g} {results.config['outcome']['unit']}"
    title = f"Calibration{by} with and without update ({percent(results.level)} CI)"
    download = stored(results.files["recalibrated_measures"])
    note = "Rows with an update are fitted on these very patients."
    return table(title, ["", *shown.values()], rows, note=note, download=download)


def _measure_cell(row):
    if missing(row["estimate"]):
        return (DASH, "" if pd.isna(row["note"]) else row["note"])
    limits = "" if missing(row["ci_low"]) else f"({interval(row['ci_low'], row['ci_high'])})"
    return (number(row["estimate"]), limits)


def bundle_section(application):
    """Which bundle it was, and what it asks for."""
    manifest = application.manifest
    facts = [
        f"Bundle of the study {manifest['study']}, SHA-256 {application.digest}, format {manifest['version']}.",
        f"{count(len(manifest['files']))} members, each of the SHA-256 that the bundle states.",
    ]
    packages = [[name, version] for name, version in manifest["versions"].items()]
    return section(
        "bundle",
        "The bundle",
        [
            bullets(facts),
            listing("What it needs", needs_text(application.needs, study=manifest["study"])),
            table("Software of the study", ["Package", "Version"], packages, folded=True),
        ],
    )
