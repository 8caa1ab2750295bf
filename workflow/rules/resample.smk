BOOTSTRAP_CHUNKS = settings.chunks(CONFIG["bootstrap"])
BOOTSTRAP_STATES = {name: state(f"bootstrap.{name}", settings.bootstrap(STUDY, name)) for name in MODELS}


rule bootstrap_model:
    """The whole chain (selection, score, model) fitted to some resamples of the training patients."""
    input:
        settings=lambda wildcards: BOOTSTRAP_STATES[wildcards.model],
        outcome=TRAINING_OUTCOME,
        clinical=lambda wildcards: MODEL_TRAINING_CLINICAL[wildcards.model],
        quality=TRAINING_QUALITY,
        features=training_features,
        batches=training_batches,
        icc=icc_tables,
        code=code("bootstrap_model"),
    output:
        predictions=f"{RESULTS}/bootstrap/{{model}}/{{chunk}}.parquet",
        selected=f"{RESULTS}/bootstrap/{{model}}/{{chunk}}.selected.csv",
        baseline=f"{RESULTS}/bootstrap/{{model}}/{{chunk}}.baseline.csv" if OF_TIME else [],
    log:
        f"{RESULTS}/logs/bootstrap_model/{{model}}.{{chunk}}.log",
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(240),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --chunk {wildcards.chunk:q} --outcome {input.outcome:q}"
        " --clinical {input.clinical:q} --quality {input.quality:q} --features {input.features:q} --batches {input.batches:q} --icc {input.icc:q}"
        " --predictions {output.predictions:q} --selected {output.selected:q} --baseline {output.baseline:q} > {log:q} 2>&1"


rule bootstrap_fixed:
    """The same with the features held fixed, as most papers do: it says nothing of the selection."""
    input:
        settings=lambda wildcards: BOOTSTRAP_STATES[wildcards.model],
        outcome=TRAINING_OUTCOME,
        clinical=lambda wildcards: MODEL_TRAINING_CLINICAL[wildcards.model],
        quality=TRAINING_QUALITY,
        features=training_features,
        batches=training_batches,
        signatures=scores_of(rules.fit_signature.output.signature),
        code=code("bootstrap_fixed"),
    output:
        statistics=f"{RESULTS}/validate/{{model}}/bootstrap_fixed_features.csv",
    log:
        f"{RESULTS}/logs/bootstrap_fixed/{{model}}.log",
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(30),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --outcome {input.outcome:q} --clinical {input.clinical:q}"
        " --quality {input.quality:q} --features {input.features:q} --batches {input.batches:q} --signatures {input.signatures:q}"
        " --statistics {output.statistics:q} > {log:q} 2>&1"


BOOTSTRAPPED = MODELS if CONFIG["bootstrap"]["replicates"] else []
BOOTSTRAP_FIXED = expand(rules.bootstrap_fixed.output.statistics, model=BOOTSTRAPPED)
PERMUTATION_CHUNKS = settings.chunks(CONFIG["permutations"])
HEADLINE = settings.headline_model(CONFIG)


rule permute_model:
    """The whole chain fitted to permuted outcomes of the training patients, and validated."""
    input:
        settings=state("permutations", settings.permutations(STUDY)),
        outcome=TRAINING_OUTCOME,
        clinical=lambda wildcards: MODEL_TRAINING_CLINICAL[wildcards.model],
        quality=TRAINING_QUALITY,
        features=training_features,
        batches=training_batches,
        all_outcome=OUTCOME,
        all_clinical=lambda wildcards: MODEL_CLINICAL[wildcards.model],
        all_quality=ALL_QUALITY,
        all_features=ALL_FEATURES,
        all_batches=ALL_BATCHES,
        icc=icc_tables,
        code=code("permute_model"),
    output:
        areas=f"{RESULTS}/permutation/{{model}}/{{chunk}}.csv",
    log:
        f"{RESULTS}/logs/permute_model/{{model}}.{{chunk}}.log",
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(240),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --chunk {wildcards.chunk:q} --outcome {input.outcome:q}"
        " --clinical {input.clinical:q} --quality {input.quality:q} --features {input.features:q} --batches {input.batches:q}"
        " --all-outcome {input.all_outcome:q} --all-clinical {input.all_clinical:q} --all-quality {input.all_quality:q}"
        " --all-features {input.all_features:q} --all-batches {input.all_batches:q} --icc {input.icc:q} --areas {output.areas:q} > {log:q} 2>&1"


rule merge_permutations:
    """How often permuted outcomes give an AUC as good as that of the study."""
    input:
        chunks=expand(rules.permute_model.output.areas, model=HEADLINE, chunk=PERMUTATION_CHUNKS),
        code=code("merge_permutations"),
    output:
        areas=f"{RESULTS}/validate/permutations.csv",
        test=f"{RESULTS}/validate/permutation_test.csv",
    log:
        f"{RESULTS}/logs/merge_permutations.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --chunks {input.chunks:q} --areas {output.areas:q} --test {output.test:q} > {log:q} 2>&1"
