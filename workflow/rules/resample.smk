BOOTSTRAP_CHUNKS = settings.chunks(CONFIG["bootstrap"])
BOOTSTRAP_STATES = {name: state(f"bootstrap.{name}", settings.bootstrap(STUDY, name)) for name in MODELS}

MERGE_STATES = {name: state(f"merge_bootstrap.{name}", settings.merged_bootstrap(STUDY, name)) for name in MODELS}


rule bootstrap_model:
    """The whole chain (selection, score, model) fitted to some resamples of the training patients."""
    input:
        settings=lambda wildcards: BOOTSTRAP_STATES[wildcards.model],
        outcome=TRAINING_OUTCOME,
        clinical=lambda wildcards: MODEL_TRAINING_CLINICAL[wildcards.model],
        quality=TRAINING_QUALITY,
        features=training_features,
        icc=icc_tables,
        code=code("bootstrap_model"),
    output:
        predictions=f"{RESULTS}/bootstrap/{{model}}/{{chunk}}.parquet",
        selected=f"{RESULTS}/bootstrap/{{model}}/{{chunk}}.selected.csv",
    log:
        f"{RESULTS}/logs/bootstrap_model/{{model}}.{{chunk}}.log",
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(240),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --chunk {wildcards.chunk:q} --outcome {input.outcome:q}"
        " --clinical {input.clinical:q} --quality {input.quality:q} --features {input.features:q} --icc {input.icc:q}"
        " --predictions {output.predictions:q} --selected {output.selected:q} > {log:q} 2>&1"


rule merge_bootstrap:
    """What a model owes to being measured where it was fitted, and how often each feature was selected."""
    input:
        settings=lambda wildcards: MERGE_STATES[wildcards.model],
        outcome=TRAINING_OUTCOME,
        predictions=expand(rules.bootstrap_model.output.predictions, chunk=BOOTSTRAP_CHUNKS, allow_missing=True),
        selected=expand(rules.bootstrap_model.output.selected, chunk=BOOTSTRAP_CHUNKS, allow_missing=True),
        code=code("merge_bootstrap"),
    output:
        statistics=f"{RESULTS}/validate/{{model}}/bootstrap.csv",
        curve=f"{RESULTS}/validate/{{model}}/bootstrap_curve.csv",
        frequency=f"{RESULTS}/validate/{{model}}/selection_frequency.csv",
    log:
        f"{RESULTS}/logs/merge_bootstrap/{{model}}.log",
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(15),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --outcome {input.outcome:q} --predictions {input.predictions:q}"
        " --selected {input.selected:q} --statistics {output.statistics:q} --curve {output.curve:q}"
        " --frequency {output.frequency:q} > {log:q} 2>&1"


rule bootstrap_fixed:
    """The same with the features held fixed, as most papers do: it says nothing of the selection."""
    input:
        settings=lambda wildcards: BOOTSTRAP_STATES[wildcards.model],
        outcome=TRAINING_OUTCOME,
        clinical=lambda wildcards: MODEL_TRAINING_CLINICAL[wildcards.model],
        quality=TRAINING_QUALITY,
        features=training_features,
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
        " --quality {input.quality:q} --features {input.features:q} --signatures {input.signatures:q}"
        " --statistics {output.statistics:q} > {log:q} 2>&1"


BOOTSTRAPPED = MODELS if CONFIG["bootstrap"]["replicates"] else []
BOOTSTRAP_STATISTICS = expand(rules.merge_bootstrap.output.statistics, model=BOOTSTRAPPED)
BOOTSTRAP_CURVES = expand(rules.merge_bootstrap.output.curve, model=BOOTSTRAPPED)
BOOTSTRAP_FIXED = expand(rules.bootstrap_fixed.output.statistics, model=BOOTSTRAPPED)
BOOTSTRAP_FREQUENCIES = expand(rules.merge_bootstrap.output.frequency, model=BOOTSTRAPPED)

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
        all_outcome=OUTCOME,
        all_clinical=lambda wildcards: MODEL_CLINICAL[wildcards.model],
        all_quality=ALL_QUALITY,
        all_features=ALL_FEATURES,
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
        " --clinical {input.clinical:q} --quality {input.quality:q} --features {input.features:q}"
        " --all-outcome {input.all_outcome:q} --all-clinical {input.all_clinical:q} --all-quality {input.all_quality:q}"
        " --all-features {input.all_features:q} --icc {input.icc:q} --areas {output.areas:q} > {log:q} 2>&1"


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
