rule predict_model:
    """Probability (or risks and survival over time) and risk group of every patient, and cross-validated for training."""
    input:
        settings=lambda wildcards: MODEL_STATES[wildcards.model],
        model=rules.fit_model.output.model,
        cutoff=rules.fit_model.output.cutoff,
        cross_validation=rules.cross_validate_model.output.predictions,
        outcome=OUTCOME,
        clinical=lambda wildcards: MODEL_CLINICAL[wildcards.model],
        quality=ALL_QUALITY,
        scores=all_scores,
        code=code("predict_model"),
    output:
        predictions=f"{RESULTS}/validate/{{model}}/predictions.csv",
        survival=f"{RESULTS}/validate/{{model}}/survival.csv" if OF_TIME else [],
    log:
        f"{RESULTS}/logs/predict_model/{{model}}.log",
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --model {input.model:q} --cutoff {input.cutoff:q} --outcome {input.outcome:q}"
        " --cross-validation {input.cross_validation:q} --clinical {input.clinical:q} --quality {input.quality:q}"
        " --scores {input.scores:q} --predictions {output.predictions:q} --survival {output.survival:q} > {log:q} 2>&1"


PREDICTIONS = expand(rules.predict_model.output.predictions, model=MODELS)


rule measure_volume:
    """What the volume of the tumour alone predicts, and which selected features follow it."""
    input:
        settings=state("measure_volume", settings.volume(STUDY)),
        quality=ALL_QUALITY,
        outcome=OUTCOME,
        features=TRAINING_FEATURES,
        coefficients=expand(rules.fit_signature.output.coefficients, signature=SIGNATURES),
        code=code("measure_volume"),
    output:
        alone=f"{RESULTS}/validate/volume.csv",
        proxies=f"{RESULTS}/validate/volume_proxies.csv",
    log:
        f"{RESULTS}/logs/measure_volume.log",
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --quality {input.quality:q} --outcome {input.outcome:q}"
        " --features {input.features:q} --coefficients {input.coefficients:q} --alone {output.alone:q}"
        " --proxies {output.proxies:q} > {log:q} 2>&1"
