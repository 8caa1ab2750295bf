# The models of another study, applied: what is fitted there is unpacked here, and goes before the rules that would fit it.
BUNDLE = CONFIG["bundle"]
BUNDLE_STATE = state("bundle", {"sha256": file_sha256(BUNDLE)})
# Outcomes of some patients may be known: then the models are validated on these.
JUDGES = bundle_settings.judges(STUDY)
APPLICATION = bundle_settings.application(STUDY)


if STUDY.has_images:

    ruleorder: unpack_bundle > fit_intensity_scale > fit_habitats


if DEEP:

    ruleorder: unpack_bundle > prepare_network


if NESTED:

    ruleorder: unpack_bundle > fit_nested


ruleorder: unpack_bundle > fit_signature > fit_model > describe_training
ruleorder: judge_predictions > predict_model


rule unpack_bundle:
    """What the study behind the bundle learnt, in the places of what would be learnt here."""
    input:
        bundle=ancient(BUNDLE),
        settings=BUNDLE_STATE,
        code=code("unpack_bundle"),
    output:
        members=[*BUNDLED, rules.describe_training.output.ranges],
    log:
        f"{RESULTS}/logs/unpack_bundle.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    params:
        results=lambda wildcards: RESULTS,
    shell:
        "python {input.code[0]} --bundle {input.bundle:q} --results {params.results:q}"
        " --members {output.members:q} > {log:q} 2>&1"


rule predict_patients:
    """Probability (or risks and survival over time) and risk group of every patient by one model."""
    input:
        settings=lambda wildcards: MODEL_STATES[wildcards.model],
        model=learnt(rules.fit_model.output.model),
        cutoff=learnt(rules.fit_model.output.cutoff),
        clinical=lambda wildcards: MODEL_CLINICAL[wildcards.model],
        quality=ALL_QUALITY,
        scores=all_scores,
        code=code("predict_patients"),
    output:
        predictions=f"{RESULTS}/predictions/{{model}}.csv",
        survival=f"{RESULTS}/predictions/{{model}}.survival.csv" if OF_TIME else [],
    log:
        f"{RESULTS}/logs/predict_patients/{{model}}.log",
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --model {input.model:q} --cutoff {input.cutoff:q}"
        " --clinical {input.clinical:q} --quality {input.quality:q} --scores {input.scores:q}"
        " --predictions {output.predictions:q} --survival {output.survival:q} > {log:q} 2>&1"


rule warn_patients:
    """Where every patient differs from those on whom the models were fitted, and who is not predicted."""
    input:
        settings=state("warn_patients", {**bundle_settings.comparison(STUDY), "code": code_of(APPLIED_STEPS)}),
        bundle=ancient(BUNDLE),
        bundle_state=BUNDLE_STATE,
        ranges=learnt(rules.describe_training.output.ranges),
        signatures=expand(rules.fit_signature.output.signature, signature=SIGNATURES),
        models=expand(rules.fit_model.output.model, model=MODELS),
        cutoffs=expand(rules.fit_model.output.cutoff, model=MODELS),
        features=ALL_FEATURES,
        batches=ALL_BATCHES,
        clinical=CLINICAL,
        quality=ALL_QUALITY,
        records=image_records(PATIENTS),
        code=code("warn_patients"),
    output:
        warnings=f"{RESULTS}/warnings.csv",
        outside=f"{RESULTS}/out_of_range.csv",
    log:
        f"{RESULTS}/logs/warn_patients.log",
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(5),
    params:
        records=lambda wildcards: image_record(),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --bundle {input.bundle:q} --ranges {input.ranges:q}"
        " --signatures {input.signatures:q} --models {input.models:q} --cutoffs {input.cutoffs:q}"
        " --features {input.features:q} --batches {input.batches:q} --clinical {input.clinical:q}"
        " --quality {input.quality:q} --records {params.records:q} --warnings {output.warnings:q}"
        " --outside {output.outside:q} > {log:q} 2>&1"


rule judge_predictions:
    """Predictions of one model beside the outcomes that are known, as a study stores those of its own patients."""
    input:
        outcome=OUTCOME,
        predictions=rules.predict_patients.output.predictions,
        survival=rules.predict_patients.output.survival,
        code=code("judge_predictions"),
    output:
        judged=rules.predict_model.output.predictions,
        judged_survival=rules.predict_model.output.survival,
    log:
        f"{RESULTS}/logs/judge_predictions/{{model}}.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --outcome {input.outcome:q} --predictions {input.predictions:q}"
        " --survival {input.survival:q} --judged {output.judged:q} --judged-survival {output.judged_survival:q} > {log:q} 2>&1"


rule recalibrate_models:
    """Every model brought to the level and spread of risk of these patients, beside the model as it came."""
    input:
        settings=state("recalibrate_models", settings.calibration(STUDY)),
        predictions=PREDICTIONS,
        code=code("recalibrate_models"),
    output:
        coefficients=f"{RESULTS}/validate/recalibration.csv",
        risks=f"{RESULTS}/validate/recalibrated_predictions.csv",
        measures=f"{RESULTS}/validate/recalibrated_calibration.csv",
    log:
        f"{RESULTS}/logs/recalibrate_models.log",
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --predictions {input.predictions:q}"
        " --coefficients {output.coefficients:q} --risks {output.risks:q} --measures {output.measures:q} > {log:q} 2>&1"


# What the page shows beside the predictions.
SHOWN = ("metrics", "model_table", "comparisons", "calibration", "precision", "risk_groups", "at_horizons", "decision")
DRAWN_KINDS = ("roc", "calibration", "decision", "kaplan_meier", "subgroups", "time_auc", "prediction_error")
DRAWN_KINDS += ("survival_calibration", "survival_decision")
JUDGED_HERE = {
    **{name: path for name, path in JUDGED.items() if name in SHOWN},
    **{f"recalibrated_{name}": path for name, path in rules.recalibrate_models.output.items()},
}
APPLICATION_FILES = {
    "patients": rules.describe_cohort.output.patients,
    "flow": rules.describe_cohort.output.flow,
    "quality": ALL_QUALITY,
    "predictions": {name: filled(rules.predict_patients.output.predictions, model=name) for name in MODELS},
    "warnings": rules.warn_patients.output.warnings,
    "outside": rules.warn_patients.output.outside,
    "models": {name: of_model(name) for name in MODELS},
    "habitats": {name: of_applied_habitats(name) for name in HABITATS},
    "nested": {name: of_applied_habitats(name) for name in NESTED},
    "judged": JUDGED_HERE if JUDGES else {},
    "figures": {
        **({kind: drawn for kind, drawn in JUDGED_FIGURES.items() if kind in DRAWN_KINDS} if JUDGES else {}),
        "montage": {name: expand(rules.draw_habitat_montage.output.figures, habitats=name) for name in HABITATS},
        "nested": {name: nested_maps(name) for name in NESTED},
        "regions": {name: filled(rules.draw_regions.output.figures[0], patient=name) for name in SHOWN_PATIENTS},
    },
}


rule write_application:
    """The page on the patients: predictions, warnings and, where outcomes are known, how good the models are here."""
    input:
        settings=state("write_application", {**APPLICATION, "files": APPLICATION_FILES}),
        bundle=ancient(BUNDLE),
        bundle_state=BUNDLE_STATE,
        files=paths_in(APPLICATION_FILES),
        parts=ancient(REPORT_PARTS),
        part_hashes=PART_HASHES,
        code=code("write_application"),
    output:
        page=f"{RESULTS}/report/index.html",
    log:
        f"{RESULTS}/logs/write_application.log",
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --bundle {input.bundle:q} --parts {input.parts:q}"
        " --page {output.page:q} > {log:q} 2>&1"
