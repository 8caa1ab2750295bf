rule measure_models:
    """Every measure of every model in every cohort with its interval, and the tests between models."""
    input:
        settings=state("measure_models", settings.validation(STUDY)),
        predictions=PREDICTIONS,
        cutoffs=expand(rules.fit_model.output.cutoff, model=MODELS),
        code=code("measure_models"),
    output:
        metrics=f"{RESULTS}/validate/metrics.csv",
        comparisons=f"{RESULTS}/validate/comparisons.csv",
        table=f"{RESULTS}/validate/model_table.csv",
    log:
        f"{RESULTS}/logs/measure_models.log",
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --predictions {input.predictions:q}"
        " --cutoffs {input.cutoffs:q} --metrics {output.metrics:q} --comparisons {output.comparisons:q}"
        " --table {output.table:q} > {log:q} 2>&1"


rule audit_numbers:
    """Proof that every printed number follows from the stored predictions; the run stops here when one does not."""
    input:
        settings=state("audit_numbers", settings.audit(STUDY)),
        predictions=PREDICTIONS,
        cutoffs=expand(rules.fit_model.output.cutoff, model=MODELS),
        metrics=rules.measure_models.output.metrics,
        comparisons=rules.measure_models.output.comparisons,
        funnels=expand(rules.fit_signature.output.funnel, signature=SIGNATURES),
        flow=rules.describe_cohort.output.flow,
        code=code("audit_numbers"),
    output:
        checks=f"{RESULTS}/quality/audit.csv",
    log:
        f"{RESULTS}/logs/audit_numbers.log",
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --predictions {input.predictions:q} --cutoffs {input.cutoffs:q}"
        " --metrics {input.metrics:q} --comparisons {input.comparisons:q} --funnels {input.funnels:q} --flow {input.flow:q}"
        " --checks {output.checks:q} > {log:q} 2>&1"


rule measure_calibration:
    """Whether as many patients have the outcome as every model says, with the smooth curves."""
    input:
        settings=state("measure_calibration", settings.calibration(STUDY)),
        predictions=PREDICTIONS,
        corrected=BOOTSTRAP_CURVES,
        code=code("measure_calibration"),
    output:
        measures=f"{RESULTS}/validate/calibration.csv",
        curves=f"{RESULTS}/validate/calibration_curves.csv",
    log:
        f"{RESULTS}/logs/measure_calibration.log",
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --predictions {input.predictions:q}"
        " --corrected {input.corrected:q} --measures {output.measures:q} --curves {output.curves:q} > {log:q} 2>&1"


rule measure_decision:
    """What acting on every model is worth, by threshold probability (decision curves)."""
    input:
        settings=state("measure_decision", settings.decision(STUDY)),
        predictions=PREDICTIONS,
        code=code("measure_decision"),
    output:
        curves=f"{RESULTS}/validate/decision.csv",
    log:
        f"{RESULTS}/logs/measure_decision.log",
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --predictions {input.predictions:q}"
        " --curves {output.curves:q} > {log:q} 2>&1"


rule judge_sample_size:
    """Training patients of every model, and how many it would have needed."""
    input:
        settings=state("judge_sample_size", settings.audit(STUDY)),
        metrics=rules.measure_models.output.metrics,
        coefficients=expand(rules.fit_model.output.coefficients, model=MODELS),
        funnels=expand(rules.fit_signature.output.funnel, signature=SIGNATURES),
        code=code("judge_sample_size"),
    output:
        table=f"{RESULTS}/validate/sample_size.csv",
    log:
        f"{RESULTS}/logs/judge_sample_size.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --metrics {input.metrics:q} --coefficients {input.coefficients:q}"
        " --funnels {input.funnels:q} --table {output.table:q} > {log:q} 2>&1"


rule measure_supplement:
    """Average precision of every model; reclassification by the headline model against the reference."""
    input:
        settings=state("measure_supplement", settings.supplement(STUDY)),
        predictions=PREDICTIONS,
        code=code("measure_supplement"),
    output:
        precision=f"{RESULTS}/validate/precision_recall.csv",
        reclassification=f"{RESULTS}/validate/reclassification.csv",
    log:
        f"{RESULTS}/logs/measure_supplement.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --predictions {input.predictions:q}"
        " --precision {output.precision:q} --reclassification {output.reclassification:q} > {log:q} 2>&1"


# Models that chose among classifiers.
CHOOSING = settings.choosing_models(CONFIG)


rule compare_classifiers:
    """Every classifier that one model chose from, measured in every cohort."""
    input:
        settings=lambda wildcards: MODEL_STATES[wildcards.model],
        level=state("compare_classifiers", settings.choice(STUDY)),
        model=rules.fit_model.output.model,
        cross_validation=rules.cross_validate_model.output.predictions,
        outcome=OUTCOME,
        clinical=lambda wildcards: MODEL_CLINICAL[wildcards.model],
        quality=ALL_QUALITY,
        scores=all_scores,
        code=code("compare_classifiers"),
    output:
        areas=f"{RESULTS}/validate/{{model}}/classifiers.csv",
    log:
        f"{RESULTS}/logs/compare_classifiers/{{model}}.log",
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --level {input.level:q} --model {input.model:q}"
        " --cross-validation {input.cross_validation:q} --outcome {input.outcome:q} --clinical {input.clinical:q}"
        " --quality {input.quality:q} --scores {input.scores:q} --areas {output.areas:q} > {log:q} 2>&1"


rule measure_choice:
    """The classifiers of all models side by side, and what having chosen among them is worth."""
    input:
        settings=state("measure_choice", settings.choice(STUDY)),
        areas=expand(rules.compare_classifiers.output.areas, model=CHOOSING),
        cross_validations=expand(rules.cross_validate_model.output.predictions, model=CHOOSING),
        outcome=TRAINING_OUTCOME,
        code=code("measure_choice"),
    output:
        table=f"{RESULTS}/validate/classifiers.csv",
        choice=f"{RESULTS}/validate/choice.csv",
    log:
        f"{RESULTS}/logs/measure_choice.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --areas {input.areas:q} --cross-validations {input.cross_validations:q}"
        " --outcome {input.outcome:q} --table {output.table:q} --choice {output.choice:q} > {log:q} 2>&1"


EXPLAINED = CONFIG["importance"]["models"]
IMPORTANCE_STATES = {name: state(f"importance.{name}", settings.importance(STUDY, name)) for name in EXPLAINED}


rule measure_importance:
    """How much of a model's AUC rests on each of its inputs, in patients that it has not seen."""
    input:
        settings=lambda wildcards: IMPORTANCE_STATES[wildcards.model],
        training_outcome=TRAINING_OUTCOME,
        training_clinical=lambda wildcards: MODEL_TRAINING_CLINICAL[wildcards.model],
        training_quality=TRAINING_QUALITY,
        features=training_features,
        batches=training_batches,
        icc=icc_tables,
        model=rules.fit_model.output.model,
        outcome=OUTCOME,
        clinical=lambda wildcards: MODEL_CLINICAL[wildcards.model],
        quality=ALL_QUALITY,
        scores=all_scores,
        code=code("measure_importance"),
    output:
        table=f"{RESULTS}/validate/{{model}}/importance.csv",
    log:
        f"{RESULTS}/logs/measure_importance/{{model}}.log",
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(120),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --training-outcome {input.training_outcome:q}"
        " --training-clinical {input.training_clinical:q} --training-quality {input.training_quality:q}"
        " --features {input.features:q} --batches {input.batches:q} --icc {input.icc:q} --model {input.model:q}"
        " --outcome {input.outcome:q} --clinical {input.clinical:q} --quality {input.quality:q} --scores {input.scores:q}"
        " --table {output.table:q} > {log:q} 2>&1"


SHOWN_INPUTS = CONFIG["partial_dependence"]["models"]
if SHOWN_INPUTS and not STUDY.validation_cohorts:
    stop(
        "config: partial_dependence.models are shown on patients that they have not seen, and this study has no validation"
        " cohort. Leave it empty, or change split."
    )
PARTIAL_STATES = {
    name: state(f"partial_dependence.{name}", settings.partial_dependence(STUDY, name)) for name in SHOWN_INPUTS
}


rule measure_partial_dependence:
    """How the risk that a model predicts moves with each of its inputs, in patients that it has not seen."""
    input:
        settings=lambda wildcards: PARTIAL_STATES[wildcards.model],
        model=rules.fit_model.output.model,
        outcome=OUTCOME,
        clinical=lambda wildcards: MODEL_CLINICAL[wildcards.model],
        quality=ALL_QUALITY,
        scores=all_scores,
        code=code("measure_partial_dependence"),
    output:
        table=f"{RESULTS}/validate/{{model}}/partial_dependence.csv",
    log:
        f"{RESULTS}/logs/measure_partial_dependence/{{model}}.log",
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(30),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --model {input.model:q} --outcome {input.outcome:q}"
        " --clinical {input.clinical:q} --quality {input.quality:q} --scores {input.scores:q}"
        " --table {output.table:q} > {log:q} 2>&1"


# What the report shows of the validation.
JUDGED = {
    "partial_dependence": {
        name: filled(rules.measure_partial_dependence.output.table, model=name) for name in SHOWN_INPUTS
    },
    "importance": {name: filled(rules.measure_importance.output.table, model=name) for name in EXPLAINED},
    "classifiers": rules.measure_choice.output.table if CHOOSING else None,
    "choice": rules.measure_choice.output.choice if CHOOSING else None,
    "metrics": rules.measure_models.output.metrics,
    "model_table": rules.measure_models.output.table,
    "comparisons": rules.measure_models.output.comparisons,
    "calibration": rules.measure_calibration.output.measures,
    "sample_size": rules.judge_sample_size.output.table,
    "bootstrap": dict(zip(BOOTSTRAPPED, BOOTSTRAP_STATISTICS)),
    "fixed_features": dict(zip(BOOTSTRAPPED, BOOTSTRAP_FIXED)),
    "frequency": dict(zip(BOOTSTRAPPED, BOOTSTRAP_FREQUENCIES)),
    "precision": rules.measure_supplement.output.precision,
    "reclassification": rules.measure_supplement.output.reclassification,
    "decision": rules.measure_decision.output.curves,
    "audit": rules.audit_numbers.output.checks,
}
