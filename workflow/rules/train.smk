for fault in booster_extra.missing(CONFIG):
    stop(f"The study cannot start: {fault}")

MODELS = list(CONFIG["models"])
MODEL_STATES = {name: state(f"model.{name}", settings.model(STUDY, name)) for name in MODELS}
# A model's own variables only: a value that changes in one of them concerns no other model.
MODEL_CLINICAL = {m: table(f"clinical.{m}", settings.clinical_rows(STUDY, PATIENTS, model=m)) for m in MODELS}
MODEL_TRAINING_CLINICAL = {
    m: table(f"training_clinical.{m}", settings.clinical_rows(STUDY, STUDY.in_cohort("train"), model=m)) for m in MODELS
}


rule fit_model:
    """A model of signature scores and clinical variables, fitted on the training patients, with its cut-off."""
    input:
        settings=lambda wildcards: MODEL_STATES[wildcards.model],
        outcome=TRAINING_OUTCOME,
        clinical=lambda wildcards: MODEL_TRAINING_CLINICAL[wildcards.model],
        quality=TRAINING_QUALITY,
        scores=training_scores,
        cross_validation=held_out_predictions,
        code=code("fit_model"),
    output:
        model=f"{RESULTS}/train/{{model}}/model.skops",
        coefficients=f"{RESULTS}/train/{{model}}/coefficients.csv",
        cutoff=f"{RESULTS}/train/{{model}}/cutoff.json",
    log:
        f"{RESULTS}/logs/fit_model/{{model}}.log",
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --outcome {input.outcome:q} --clinical {input.clinical:q}"
        " --quality {input.quality:q} --scores {input.scores:q} --cross-validation {input.cross_validation:q}"
        " --model {output.model:q} --coefficients {output.coefficients:q} --cutoff {output.cutoff:q} > {log:q} 2>&1"


rule cross_validate_model:
    """A prediction for every training patient from a whole chain (selection, score, model) that did not see the patient."""
    input:
        settings=lambda wildcards: MODEL_STATES[wildcards.model],
        outcome=TRAINING_OUTCOME,
        clinical=lambda wildcards: MODEL_TRAINING_CLINICAL[wildcards.model],
        quality=TRAINING_QUALITY,
        features=training_features,
        batches=training_batches,
        icc=icc_tables,
        code=code("cross_validate_model"),
    output:
        predictions=f"{RESULTS}/train/{{model}}/cross_validation.csv",
    log:
        f"{RESULTS}/logs/cross_validate_model/{{model}}.log",
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(120),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --outcome {input.outcome:q} --clinical {input.clinical:q}"
        " --quality {input.quality:q} --features {input.features:q} --batches {input.batches:q} --icc {input.icc:q} --predictions {output.predictions:q} > {log:q} 2>&1"


rule check_leakage:
    """Proof that everything learnt saw training patients only; the run stops here when it did not."""
    input:
        training=TRAINING,
        signatures=expand(rules.fit_signature.output.signature, signature=SIGNATURES),
        models=expand(rules.fit_model.output.model, model=MODELS),
        records=[
            *expand(rules.fit_model.output.cutoff, model=MODELS),
            *([rules.assess_reproducibility.output.fitted_on] if any(asks_for("icc", s) for s in SIGNATURES) else []),
            *learnt_from_images(),
        ],
        code=code("check_leakage"),
    output:
        report=f"{RESULTS}/quality/leakage.json",
    log:
        f"{RESULTS}/logs/check_leakage.log",
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --training {input.training:q} --objects {input.signatures:q} {input.models:q}"
        " --records {input.records:q} --report {output.report:q} > {log:q} 2>&1"


rule describe_factors:
    """Odds ratios of the clinical variables, one by one and together, in the training patients."""
    input:
        settings=state("describe_factors", settings.clinical_factors(STUDY)),
        outcome=TRAINING_OUTCOME,
        clinical=TRAINING_CLINICAL,
        quality=TRAINING_QUALITY,
        code=code("describe_factors"),
    output:
        table=f"{RESULTS}/train/clinical_factors.csv",
        summary=f"{RESULTS}/train/clinical_factors.json",
    log:
        f"{RESULTS}/logs/describe_factors.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --outcome {input.outcome:q} --clinical {input.clinical:q}"
        " --quality {input.quality:q} --table {output.table:q} --summary {output.summary:q} > {log:q} 2>&1"


rule build_nomogram:
    """A model as points: axes that cover the training patients, total points, risk."""
    input:
        settings=state("nomogram", settings.nomogram(STUDY)),
        model=rules.fit_model.output.model,
        outcome=TRAINING_OUTCOME,
        clinical=lambda wildcards: MODEL_TRAINING_CLINICAL[wildcards.model],
        quality=TRAINING_QUALITY,
        scores=training_scores,
        code=code("build_nomogram"),
    output:
        nomogram=f"{RESULTS}/train/{{model}}/nomogram.json",
        points=f"{RESULTS}/train/{{model}}/nomogram_points.csv",
        ticks=f"{RESULTS}/train/{{model}}/nomogram_ticks.csv",
    log:
        f"{RESULTS}/logs/build_nomogram/{{model}}.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --model {input.model:q} --outcome {input.outcome:q}"
        " --clinical {input.clinical:q} --quality {input.quality:q} --scores {input.scores:q} --nomogram {output.nomogram:q}"
        " --points {output.points:q} --ticks {output.ticks:q} > {log:q} 2>&1"


NOMOGRAM = settings.nomogram_model(CONFIG)
NOMOGRAM_FILES = {name: expand(path, model=NOMOGRAM)[0] for name, path in rules.build_nomogram.output.items()}
