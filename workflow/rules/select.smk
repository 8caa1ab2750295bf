SIGNATURES = list(CONFIG["signatures"])
SIGNATURE_STATES = {name: state(f"signature.{name}", settings.signature(STUDY, name)) for name in SIGNATURES}


rule fit_signature:
    """A signature fitted on the training patients: selection steps, coefficients, penalty path."""
    input:
        settings=lambda wildcards: SIGNATURE_STATES[wildcards.signature],
        outcome=TRAINING_OUTCOME,
        features=TRAINING_FEATURES,
        batches=TRAINING_BATCHES,
        icc=icc_table,
        code=code("fit_signature"),
    output:
        signature=f"{RESULTS}/select/{{signature}}/signature.skops",
        funnel=f"{RESULTS}/select/{{signature}}/funnel.csv",
        coefficients=f"{RESULTS}/select/{{signature}}/coefficients.csv",
        path=f"{RESULTS}/select/{{signature}}/path.csv",
        candidates=f"{RESULTS}/select/{{signature}}/candidates.csv",
    log:
        f"{RESULTS}/logs/fit_signature/{{signature}}.log",
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --outcome {input.outcome:q} --features {input.features:q}"
        " --batches {input.batches:q} --icc {input.icc:q} --signature {output.signature:q} --funnel {output.funnel:q}"
        " --coefficients {output.coefficients:q} --path {output.path:q} --candidates {output.candidates:q} > {log:q} 2>&1"


rule cross_fit_signature:
    """A score for every training patient from a signature selected and fitted without the patient."""
    input:
        settings=lambda wildcards: SIGNATURE_STATES[wildcards.signature],
        outcome=TRAINING_OUTCOME,
        features=TRAINING_FEATURES,
        batches=TRAINING_BATCHES,
        icc=icc_table,
        code=code("cross_fit_signature"),
    output:
        scores=f"{RESULTS}/select/{{signature}}/cross_fitted_scores.csv",
    log:
        f"{RESULTS}/logs/cross_fit_signature/{{signature}}.log",
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(60),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --outcome {input.outcome:q} --features {input.features:q}"
        " --batches {input.batches:q} --icc {input.icc:q} --scores {output.scores:q} > {log:q} 2>&1"


rule apply_signature:
    """The score of every patient, and the features behind it as the last step sees them."""
    input:
        signature=learnt(rules.fit_signature.output.signature),
        features=ALL_FEATURES,
        batches=ALL_BATCHES,
        code=code("apply_signature"),
    output:
        scores=f"{RESULTS}/select/{{signature}}/scores.csv",
        selected=f"{RESULTS}/select/{{signature}}/selected_features.csv",
    log:
        f"{RESULTS}/logs/apply_signature/{{signature}}.log",
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --signature {input.signature:q} --features {input.features:q}"
        " --batches {input.batches:q} --scores {output.scores:q} --selected {output.selected:q} > {log:q} 2>&1"
