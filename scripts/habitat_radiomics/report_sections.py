"""The sections of the report page, composed from stored tables."""

import hashlib
from collections import Counter

import pandas as pd

from habitat_radiomics.config import signature_steps
from habitat_radiomics.estimator_words import WORDS
from habitat_radiomics.figures_roc import auc_text
from habitat_radiomics.labels import (
    DASH,
    METRICS,
    coefficient,
    cohort_label,
    count,
    feature_label,
    image_label,
    interval,
    missing,
    number,
    p_value,
    percent,
    ratio,
    significant,
    step_label,
)
from habitat_radiomics.limitations import limitations
from habitat_radiomics.methods_text import methods_text
from habitat_radiomics.provenance import checksum_list
from habitat_radiomics.report_blocks import (
    bullets,
    displayed,
    figure,
    formula,
    gallery,
    heading,
    link,
    listing,
    paragraph,
    section,
    stored,
    table,
)
from habitat_radiomics.report_checklists import checklists_section
from habitat_radiomics.report_classifiers import classifiers_section, importance_section, partial_dependence_section
from habitat_radiomics.report_habitats import habitats_section
from habitat_radiomics.report_harmonise import harmonise_section
from habitat_radiomics.report_nested import nested_section
from habitat_radiomics.report_patients import factor_table, group_tables, sample_size_table
from habitat_radiomics.report_statistics import (
    audit_sentence,
    bootstrap_section,
    calibration_section,
    decision_section,
    frequency_of,
    frequency_table,
    leakage_sentence,
    nomogram_section,
    share_text,
    supplement_blocks,
    volume_blocks,
)
from habitat_radiomics.report_survival import follow_up_sentence, survival_sections
from habitat_radiomics.sample_size_table import predictors_of
from habitat_radiomics.score_names import score_label
from habitat_radiomics.settings import drawn_models

PATIENT_COHORTS = {"train": "Training", "internal": "Internal validation", "external": "External validation"}
COHORT_NOTES = {
    "train": "optimistic: the patients it was fitted on",
    "train_cv": "selection and fit repeated without each patient",
    "internal": "patients it did not see",
    "external": "patients it did not see",
}
DELONGS = "DeLong's"
MANY_ROWS = 10  # above this a list of patients is folded
QUALITY_COLUMNS = {"snr": ("Signal-to-noise ratio", 1), "volume_mm3": ("Tumour volume (cm³)", 1000)}


def all_sections(results, captions):
    """Return the sections that have something to show, in the order of the page."""
    built = [
        cohort_section(results, captions),
        images_section(results, captions),
        habitats_section(results, captions),
        nested_section(results, captions),
        reproducibility_section(results, captions),
        harmonise_section(results, captions),
        signatures_section(results, captions),
        models_section(results, captions),
        nomogram_section(results, captions),
        *(survival_sections if results.is_survival else binary_sections)(results, captions),
        section("limitations", "Limitations found by the workflow", [bullets(limitations(results))]),
        methods_section(results),
        checklists_section(results, captions),
        provenance_section(results),
    ]
    return [part for part in built if part]


def binary_sections(results, captions):
    """Return the sections that judge models of an outcome that happened or not."""
    return [
        validation_section(results, captions),
        classifiers_section(results, captions),
        importance_section(results, captions),
        partial_dependence_section(results, captions),
        bootstrap_section(results, captions),
        calibration_section(results, captions),
        decision_section(results, captions),
    ]


def headline(results):
    """Return the summary: sentences and one card per cohort for the headline model."""
    label = results.label("models", results.headline)
    cohort = results.honest_cohort
    sentences = [headline_sentence(results, label, cohort)]
    test = None if cohort is None else results.comparison(results.headline, cohort)
    if test is not None and not missing(test["difference"]):
        reference = results.label("models", results.reference)
        direction = "higher" if test["difference"] >= 0 else "lower"
        test_name = "paired test" if results.is_survival else f"{DELONGS} paired test"
        sentences.append(
            f"Its {results.measure_label} was {number(abs(test['difference']))} {direction} than that of the model "
            f"{reference} ({percent(results.level)} CI of the difference {interval(test['ci_low'], test['ci_high'])}; "
            f"{p_text(test['p'])}, {test_name})."
        )
    if results.is_survival and cohort is not None:
        sentences += survival_sentences(results, cohort)
    return {
        "measure": results.measure_label,
        "sentences": sentences,
        "cards": [_card(results, name, name == cohort) for name in results.cohorts],
        "simulated": results.config["data"]["source"] == "demo",
        "limitations": len(limitations(results)),
    }


def headline_sentence(results, label, cohort):
    """Say how well the headline model did in a cohort."""
    if cohort is None:
        return (
            f"The {results.measure_label} of the model {label} could not be estimated outside the patients on whom it "
            "was fitted."
        )
    row = results.metric(results.headline, cohort, results.measure)
    article = "a" if results.is_survival else "an"
    patients = (
        "patients" if cohort in ("internal", "external") else "training patients by cross-validation of the whole chain"
    )
    return (
        f"In {count(row['n'])} {patients} ({cohort_label(cohort).lower()}), {count(row['events'])} of them with "
        f"{results.outcome}, the model {label} reached {article} {results.measure_label} of {number(row['estimate'])} "
        f"({percent(results.level)} CI {interval(row['ci_low'], row['ci_high'])})."
    )


def _card(results, cohort, is_honest):
    row = results.metric(results.headline, cohort, results.measure)
    value = DASH if row is None else number(row["estimate"])
    detail = "" if row is None else f"{interval(row['ci_low'], row['ci_high'])}"
    size = "no patients" if row is None else f"n = {count(row['n'])}, {count(row['events'])} events"
    return {
        "title": cohort_label(cohort),
        "value": value,
        "interval": detail,
        "size": size,
        "note": COHORT_NOTES[cohort],
        "main": is_honest,
    }


def survival_sentences(results, cohort):
    """Sentences on prediction error and risk groups of the headline model in the most independent cohort."""
    error, null = (results.metric(results.headline, cohort, name) for name in ("ibs", "ibs_reference"))
    sentences = []
    if error is not None and not missing(error["estimate"]):
        until = f"{error['horizon']:g} {results.config['outcome']['unit']}"
        better = "below" if error["estimate"] < null["estimate"] else "not below"
        sentences.append(
            f"Its integrated Brier score until {until} was {number(error['estimate'], 3)}, {better} the "
            f"{number(null['estimate'], 3)} of a prediction that knows no patient from another."
        )
    compared = results.statistics["risk_groups"]
    rows = (
        []
        if compared is None
        else compared.query("model == @results.headline and cohort == @cohort and subgroup == 'all'")
    )
    if len(rows) and not missing(rows["hr"].iloc[0]):
        row = rows.iloc[0]
        sentences.append(
            f"Patients above the cut learnt in training had a hazard ratio of {ratio(row['hr'])} against those below "
            f"({percent(results.level)} CI {ratio(row['hr_low'])} to {ratio(row['hr_high'])}; log-rank "
            f"{p_text(row['p'])})."
        )
    return sentences


def p_text(p):
    """Return ``p = 0.034`` or ``p < 0.001``."""
    text = p_value(p)
    return f"p < {text[1:]}" if text.startswith("<") else f"p = {text}"


def cohort_section(results, captions):
    """Flow of patients, and the included ones by cohort."""
    picture = figure(results.files["figures"]["flow"], alt=flow_alt(results.flow), caption=captions("flow"))
    times = follow_up_sentence(results) if results.is_survival else None
    return section("cohort", "Patients", [picture, times, *group_tables(results, captions)])


def flow_alt(flow):
    """Return the flow of the cohort in one sentence."""
    words = [row.step if row.step in ("screened", "included") else _group(row) for row in flow.itertuples()]
    parts = [f"{count(patients)} {word}" for patients, word in zip(flow["patients"], words, strict=True)]
    return f"Flow of patients: {'; '.join(parts)}."


def _group(row):
    return f"excluded ({row.reason})" if row.step == "excluded" else PATIENT_COHORTS.get(row.reason, row.reason).lower()


def _quartiles(values, show=lambda value: significant(value, 3)):
    known = values.dropna()
    lost = f"{count(len(values) - len(known))} missing" if len(known) < len(values) else ""
    if known.empty:
        return (DASH, lost)
    low, middle, high = known.quantile([0.25, 0.5, 0.75])
    return (f"{show(middle)} ({show(low)} to {show(high)})", lost)


def _csv(data):
    return data.to_csv(index=False, lineterminator="\n").encode("utf-8")


def images_section(results, captions):
    """Quality of the scans, exclusions, and the regions of some patients; what was given where there are no images."""
    if results.config["data"]["source"] == "features":
        blocks = [given_table(results), exclusion_table(results), warning_table(results)]
        return section("images", "Features given", blocks)
    pictures = [
        figure(
            path,
            alt=f"Slices of patient {patient}, plain and with tumour and peritumoural shell.",
            file_name=f"regions_{patient}.png",
        )
        for patient, path in results.files["figures"]["regions"].items()
    ]
    blocks = [
        quality_table(results),
        cross_check(results),
        exclusion_table(results),
        warning_table(results),
        review_link(results),
        bin_table(results, captions),
    ]
    return section("images", "Images and regions", [*blocks, gallery(pictures, caption=captions("regions"))])


def review_link(results):
    """Where the pages are on which every patient can be looked at; None when the study does not write them."""
    if not results.config["report"].get("review"):
        return None
    text = (
        "Every patient can be looked at, with slices, readings, habitats, checks and outliers, and without the outcome:"
    )
    return link(text, "review/index.html", "../review/index.html")


def quality_table(results):
    """Scans, usable scans and measured quality, by sequence."""
    rows = []
    shown = {name: column for name, column in QUALITY_COLUMNS.items() if name in results.quality}
    for sequence in results.orders["sequences"]:
        scans = results.quality[results.quality["sequence"] == sequence]
        measures = [
            _quartiles(pd.to_numeric(scans[name], errors="coerce").dropna() / scale)
            for name, (_, scale) in shown.items()
        ]
        rows.append([sequence, count(len(scans)), count((scans["usable"] == "True").sum()), *measures])
    header = ["Sequence", "Scans", "Usable", *(title for title, _ in shown.values())]
    return table(
        "Quality of the scans",
        header,
        rows,
        note="Measures are median (first to third quartile) where they could be taken.",
    )


def given_table(results):
    """Tables of features that the study brought."""
    rows = [
        [sequence, region, name]
        for sequence, regions in results.config["data"]["features"].items()
        for region, name in regions.items()
    ]
    note = "There were no images: regions, reader agreement and stability cannot be judged here."
    return table("Tables of features", ["Sequence", "Region", "Table"], rows, note=note)


def bin_table(results, captions):
    """Grey-level bins in the tumours with the width used, and the width to suggest; folded, None without any."""
    widths, rows = results.statistics["bin_width"], []
    if widths is None or widths.empty:
        return None
    for (sequence, image), group in widths.groupby(["sequence", "image"], sort=False):
        used, suggested = (group[group[name]] for name in ("used", "suggested"))
        cells = [
            _bin_cell(used.iloc[0]) if len(used) else (DASH, "a fixed number of bins"),
            _bin_cell(suggested.iloc[0]),
        ]
        rows.append([f"{sequence}, {image_label(image)}", *cells])
    header = ["Image", "Width used: bins", "Width to suggest: bins"]
    download = stored(results.files["bin_width"])
    return table("Grey-level bins in tumours", header, rows, note=captions("bin_width"), download=download, folded=True)


def _bin_cell(row):
    spread = (
        f"{count(row['fewest'])} to {count(row['most'])}, usual in {percent(round(row['share_usual'], 2))} of patients"
    )
    return (f"{row['width']:g}: {count(row['median'])}", f"({spread})")


def cross_check(results):
    """How many scans the reference engine extracted too, and how much its features differed; None without any."""
    if "checked_values" not in results.quality:
        return None
    values = pd.to_numeric(results.quality["checked_values"])
    if not values.any():
        return None
    largest = pd.to_numeric(results.quality["largest_difference"]).max()
    return paragraph(
        f"Features of {count((values > 0).sum())} of {count(len(values))} scans ({count(values.sum())} values) were "
        f"extracted again by PyRadiomics; the largest relative difference was {largest:.0e} (allowed: 1e-06)."
    )


def exclusion_table(results):
    """Excluded patients with their reasons, folded when they are many; None without any."""
    lost = results.patients[results.patients["included"] != "True"]
    cohorts = lost["cohort"].map(PATIENT_COHORTS).fillna(DASH)
    rows = [list(row) for row in zip(lost["patient"], cohorts, lost["reason"], strict=True)]
    title, header = f"Excluded patients ({count(len(rows))})", ["Patient", "Cohort", "Reason"]
    return table(title, header, rows, folded=len(rows) > MANY_ROWS) if rows else None


def warning_table(results):
    """Scans that were used, with a remark of the steps; None without any."""
    if "warnings" not in results.quality:
        return None
    found = results.quality[(results.quality["usable"] == "True") & results.quality["warnings"].notna()]
    rows = [[row.patient, row.sequence, row.warnings] for row in found.itertuples()]
    title, header = f"Remarks on usable scans ({count(len(rows))})", ["Patient", "Sequence", "Remark"]
    return table(title, header, rows, folded=len(rows) > MANY_ROWS) if rows else None


def reproducibility_section(results, captions):
    """Agreement of the features between and within readers; None when it was not asked for."""
    if results.icc is None:
        return None
    rows = []
    for kind, title in (("inter", "Between readers"), ("intra", "Repeated by one reader")):
        values = results.icc[f"icc_{kind}"].dropna()
        patients = int(results.icc[f"n_{kind}"].max()) if len(results.icc) else 0
        form = results.config["reproducibility"][kind]
        rows.append([title, form, count(patients), count(len(values)), _quartiles(values, number)])
    header = ["", "Form", "Patients", "Features", "Median ICC (quartiles)"]
    summary = table("Intraclass correlations", header, rows, download=displayed("icc_summary.csv", header, rows))
    picture = figure(
        results.files["figures"]["reproducibility"],
        alt="Histograms of the intraclass correlation of all features, between readers and between repeated readings.",
        caption=captions("reproducibility"),
    )
    return section("reproducibility", "Reproducibility of features", [summary, picture])


def signatures_section(results, captions):
    """Selection, coefficients, formula and scores of every signature; captions once."""
    blocks = funnel_tables(results, captions)
    for position, name in enumerate(results.signatures):
        blocks += _signature_blocks(results, name, (lambda kind: "") if position else captions)
    return section("signatures", "Signatures", blocks)


def _signature_blocks(results, name, captions):
    label, files = results.label("signatures", name), results.files["figures"]

    def picture(kind, alt):
        return figure(files[kind][name], alt=alt, caption=captions(kind), file_name=f"{kind}_{name}.svg")

    blocks = [
        heading(f"Signature {label}"),
        candidates_table(results, name),
        picture("lasso", f"Cross-validated deviance and coefficient paths of signature {label}."),
        score_formula(results, name),
    ]
    if len(results.signatures[name]["coefficients"]) == 1:
        blocks.append(paragraph("No feature was selected: the score is the same for every patient."))
    else:
        blocks.append(picture("coefficients", f"Coefficients of the selected features of signature {label}."))
        blocks.append(coefficient_table(results, name))
    blocks.append(frequency_table(results, name, captions))
    if "scores" in files:
        blocks.append(picture("scores", f"Score of signature {label} by outcome in every cohort."))
    return blocks


def candidates_table(results, name):
    """The signatures one is the best of, with their cross-validated AUC; None for a signature of its own."""
    candidates = results.signatures[name].get("candidates")
    if candidates is None or candidates.empty:
        return None
    rows = [
        [
            results.label("signatures", row.signature),
            (number(row.estimate), f"({interval(row.ci_low, row.ci_high)})"),
            "yes" if row.chosen else "no",
        ]
        for row in candidates.rename(columns={"auc": "estimate", "c_index": "estimate"}).itertuples()
    ]
    first = candidates.iloc[0]
    return table(
        f"Candidates for {results.label('signatures', name)}: {count(first['n'])} training patients, "
        f"{count(first['events'])} events",
        ["Signature", f"Cross-validated {results.measure_label} (95 % CI)", "Chosen"],
        rows,
        note=f"{'The' if results.is_survival else DELONGS} intervals do not know of the choice: the "
        f"{results.measure_label} of the best of several is optimistic. The "
        "performance of the models below is not, because it repeats the choice.",
        download=stored(results.files["signatures"][name]["candidates"], f"candidates_{name}.csv"),
    )


def funnel_tables(results, captions):
    """Features left after every step; one table for all signatures that share their steps."""
    groups = {}
    for name, tables in results.signatures.items():
        groups.setdefault(tuple(tables["funnel"]["step"]), []).append(name)
    blocks = []
    for steps, names in groups.items():
        counts = [results.signatures[name]["funnel"]["features"] for name in names]
        rows = [[step_label(step), *(count(column.iloc[i]) for column in counts)] for i, step in enumerate(steps)]
        header = ["After step", *(results.label("signatures", name) for name in names)]
        data = pd.DataFrame({"step": steps, **dict(zip(names, counts, strict=True))})
        blocks.append(
            table(
                "Number of features after each selection step",
                header,
                rows,
                note=captions("funnel"),
                download=("funnel.csv", _csv(data)),
            )
        )
    return blocks


def score_formula(results, name):
    """The score of a signature written out as a sum."""
    label, coefficients = results.label("signatures", name), results.signatures[name]["coefficients"]
    steps = [step for entry in signature_steps(results.config, name) for step in entry]
    terms = []
    # A Cox model has no intercept, and so its score has none.
    for row in coefficients[(coefficients["feature"] != "(intercept)") | (not results.is_survival)].itertuples():
        size = coefficient(abs(row.coefficient))
        sign = "\N{MINUS SIGN}" if row.coefficient < 0 else "+"
        what = feature_label(row.feature)
        term = (
            size
            if row.feature == "(intercept)"
            else f"{size} × {'z(' + what + ')' if 'zscore' in steps else '[' + what + ']'}"
        )
        terms.append(f"{sign} {term}" if terms else f"{sign if sign != '+' else ''}{term}")
    return formula(f"Score ({label})", terms)


def coefficient_table(results, name):
    """Selected features with coefficients and, where known, their reproducibility."""
    coefficients = results.signatures[name]["coefficients"]
    chosen = coefficients[coefficients["feature"] != "(intercept)"]
    icc = {} if results.icc is None else results.icc.set_index("feature")["icc"]
    frequency = frequency_of(results, name)
    rows = [
        [
            feature_label(row.feature),
            coefficient(row.coefficient),
            *([number(icc.get(row.feature))] if len(icc) else []),
            *([share_text(frequency["frequency"].get(row.feature))] if frequency is not None else []),
        ]
        for row in chosen.itertuples()
    ]
    header = ["Feature", "Coefficient", *(["ICC (smaller)"] if len(icc) else [])]
    header += ["Selected in resamples"] if frequency is not None else []
    download = stored(results.files["signatures"][name]["coefficients"], f"coefficients_{name}.csv")
    return table(
        f"Selected features of signature {results.label('signatures', name)}",
        header,
        rows,
        download=download,
        folded=True,
    )


def models_section(results, captions):
    """Odds ratios and cut-off of every model."""
    rows = [row for name in results.models for row in _model_rows(results, name)]
    kind = "hazard" if results.is_survival else "odds"
    header = ["Predictor", f"Log {kind} ratio", f"{kind.capitalize()} ratio (95 % CI)", "p (Wald)"]
    header += ["p (PH)", "VIF"] if results.is_survival else ["VIF"]
    data = pd.concat([tables["coefficients"].assign(model=name) for name, tables in results.models.items()])
    download = ("models.csv", _csv(data[["model", *data.columns.drop("model")]]))
    note = captions("cox_models" if results.is_survival else "models")
    summary = table("Predictors of every model", header, rows, note=note, download=download)
    return section("models", "Models", [factor_table(results, captions), summary, sample_size_table(results, captions)])


def _model_rows(results, name):
    """Subtitle with estimator and cut-off, then one row per predictor."""
    coefficients, cutoff = results.models[name]["coefficients"], results.models[name]["cutoff"]["threshold"]
    how, words = coefficients["method"].iloc[0], WORDS[results.config["models"][name].get("estimator", "logistic")]
    yield [f"{results.label('models', name)}: {how}, high risk above {number(cutoff)} ({words.score})"]
    if not words.has_coefficients:
        yield from _input_rows(results, coefficients)
        return
    for row in coefficients[coefficients["predictor"] != "(intercept)"].itertuples():
        cells = [p_value(row.p_zph)] if results.is_survival else []
        yield [
            predictor_label(results, row.predictor),
            *_ratio_cells(row),
            p_value(row.p_wald),
            *cells,
            number(row.vif),
        ]


def _input_rows(results, coefficients):
    """Inputs of a model that has no odds ratios with intervals; the shrunk ones of a penalised linear classifier."""
    known = coefficients.dropna(subset="coefficient")
    what = "no coefficients" if known.empty else "penalised: no intervals"
    yield [_inputs_text(results, coefficients), DASH, what, DASH, DASH]
    for row in known.itertuples():
        label = f"{predictor_label(results, row.predictor)}, per SD"
        yield [label, coefficient(row.coefficient), ratio(row.odds_ratio), DASH, DASH]


def _inputs_text(results, coefficients):
    """Inputs of a model without coefficients: all of them, or how many features of which signatures."""
    predictors = predictors_of(coefficients)
    counts = Counter(predictor.partition("/")[0] for predictor in predictors if "/" in predictor)
    parts = [f"{count(n)} features of {results.label('signatures', name)}" for name, n in counts.items()]
    parts += [predictor_label(results, predictor) for predictor in predictors if "/" not in predictor]
    return f"Inputs: {', '.join(parts)}"


def _ratio_cells(row):
    """Coefficient, and odds or hazard ratio with its interval."""
    name = "hazard_ratio" if hasattr(row, "hazard_ratio") else "odds_ratio"
    value, low, high = (getattr(row, f"{name}{end}") for end in ("", "_low", "_high"))
    if missing(low) or missing(high):
        return [coefficient(row.coefficient), "not estimable"]
    return [coefficient(row.coefficient), f"{ratio(value)} ({ratio(low)} to {ratio(high)})"]


def predictor_label(results, predictor):
    """Return a column of a model in words: a score, a number with its unit, or a level against the reference level."""
    signature, _, feature = predictor.partition("/")
    if signature in results.config["signatures"]:
        return feature_label(feature) if feature else score_label(results.label("signatures", signature))
    name, _, level = predictor.partition("=")
    variable = results.config["clinical"].get(name)
    if variable is None:
        return predictor
    title = variable["label"] or name
    if level:
        return f"{title}: {level} against {variable['levels'][0]}"
    return f"{title} ({variable['unit']})" if variable["unit"] else title


def validation_section(results, captions):
    """Measures of every model in every cohort, ROC curves, tests between models, and the check against leakage."""
    checks = [leakage_sentence(results.leakage), audit_sentence(results.statistics["audit"])]
    blocks = [*checks, metric_table(results, captions)]
    curves = [_roc_figure(results, captions, cohort) for cohort in results.cohorts]
    return section(
        "validation",
        "Validation",
        [
            *blocks,
            gallery(curves, caption=""),
            comparison_table(results, captions),
            *volume_blocks(results, captions),
            *supplement_blocks(results, captions),
        ],
    )


def _roc_figure(results, captions, cohort):
    aucs = "; ".join(
        f"{results.label('models', m)} {auc_text(results.metrics, m, cohort)}" for m in drawn_models(results.config)
    )
    alt = f"ROC curves, {cohort_label(cohort).lower()}. AUC: {aucs}."
    path = results.files["figures"]["roc"][cohort]
    return figure(path, alt=alt, caption=captions("roc", cohort=cohort), file_name=f"roc_{cohort}.svg")


def metric_table(results, captions):
    """AUC and the proportions at the cut-off, cohort by cohort."""
    rows = []
    for cohort in results.cohorts:
        part = results.metrics.query("cohort == @cohort and metric == 'auc'")
        if part.empty:
            continue
        sizes = part.iloc[0]
        rows.append([f"{cohort_label(cohort)}: n = {count(sizes['n'])}, {count(sizes['events'])} events"])
        for model in results.orders["models"]:
            cells = [metric_cell(results.metric(model, cohort, metric)) for metric in METRICS]
            test = results.comparison(model, cohort)
            rows.append([results.label("models", model), *cells, DASH if test is None else p_value(test["p"])])
    title = f"Performance of every model ({percent(results.level)} CI)"
    header = ["Model", *METRICS.values(), f"p against {results.label('models', results.reference)} (DeLong)"]
    download = stored(results.files.get("model_table") or results.files["metrics"])
    return table(title, header, rows, note=captions("metrics"), download=download)


def metric_cell(row):
    """Return an estimate and, in brackets, k/n and the interval: ``0.82`` and ``(14/17; 0.59 to 0.94)``."""
    if row is None or missing(row["estimate"]):
        return (DASH, "not estimable")
    limits = interval(row["ci_low"], row["ci_high"])
    counts = "" if missing(row["k"]) else f"{count(row['k'])}/{count(row['n'])}; "
    return (number(row["estimate"]), f"({counts}{limits})")


def comparison_table(results, captions):
    """DeLong's tests against the reference model; None with one model."""
    rows = []
    for cohort in results.cohorts:
        tests = results.comparisons[results.comparisons["cohort"] == cohort]
        if len(tests):
            rows.append([f"{cohort_label(cohort)}: n = {count(tests['n'].iloc[0])}"])
        for test in tests.itertuples():
            difference = f"{number(test.difference)} ({interval(test.ci_low, test.ci_high)})"
            rows.append([_pair_text(results, test), difference, number(test.z), p_value(test.p)])
    if not rows:
        return None
    title = f"AUC against the model {results.label('models', results.reference)} (DeLong's paired test)"
    header = ["Model", f"Difference ({percent(results.level)} CI)", "z", "p"]
    return table(title, header, rows, note=captions("comparisons"), download=stored(results.files["comparisons"]))


def _pair_text(results, test):
    """The model, and what it is compared with where that is not the reference."""
    label = results.label("models", test.model)
    other = f" against {results.label('models', test.reference)}"
    return label + ("" if test.reference == results.reference else other)


def methods_section(results):
    """The methods in words."""
    paragraphs = methods_text(
        results.config,
        orders=results.orders,
        reference=results.reference,
        versions=results.provenance.get("versions", {}),
    )
    return section(
        "methods", "Methods", [{"kind": "titled", "title": title, "text": text} for title, text in paragraphs]
    )


def provenance_section(results):
    """Versions, commit, inputs and configuration."""
    import yaml

    record = results.provenance
    if not record:
        return None
    rows = [[name, version] for name, version in record["versions"].items()]
    commit = record["commit"] or "not recorded (no git repository)"
    changed = " with local changes" if record["modified"] else ""
    inputs = len(record["inputs"]["scans"])
    facts = [f"Code: commit {commit}{changed}."]
    facts += [f"Table {name}: SHA-256 {digest}." for name, digest in record["inputs"]["tables"].items()]
    if inputs:
        facts.append(f"The SHA-256 of the images and masks of {count(inputs)} scans are in provenance.json.")
    if record["config"]["data"]["source"] == "demo":
        facts.append("Images and masks were simulated by the workflow from the seed in the configuration.")
    digest = hashlib.sha256(checksum_list(record["results"]).encode()).hexdigest()
    facts.append(
        f"Results: SHA-256 {digest} of the list of all {count(len(record['results']))} tables, models and predictions"
        " below. The same study gives the same list on any number of cores, in any order of the jobs, in any folder."
    )
    if bundle := results.files.get("bundle"):
        facts.append(
            f"The models to take to other patients: {bundle}, SHA-256 {record['results'][bundle]}. make apply predicts "
            "by it; its README.txt says which images, masks and columns it needs."
        )
    return section(
        "provenance",
        "Provenance",
        [
            bullets(facts),
            table("Software", ["Package", "Version"], rows, folded=True),
            listing(
                "Configuration as completed",
                yaml.safe_dump(
                    record["config"], sort_keys=False, allow_unicode=True, default_flow_style=None, width=100
                ),
            ),
            listing("SHA-256 of the results", checksum_list(record["results"])),
        ],
    )
