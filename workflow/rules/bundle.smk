from habitat_radiomics import bundle_settings

# What new patients go through; the bundle says by which code the study did it.
APPLIED_STEPS = [
    "preprocess_image",
    "normalise_image",
    "make_regions",
    "label_habitats",
    "map_microregion",
    "extract_features",
]
APPLIED_STEPS += ["extract_habitats", "collect_features", "apply_signature", "predict_patients"]
# What was learnt; a bundle keeps the paths that it has below the results.
BUNDLED = [
    *expand(rules.fit_intensity_scale.output.scale, sequence=LEARNT_SCALES),
    *expand(rules.fit_habitats.output.artifact, habitats=SETS),
    *expand(rules.fit_signature.output.signature, signature=SIGNATURES),
    *expand(rules.fit_signature.output.coefficients, signature=SIGNATURES),
    *expand(rules.fit_model.output.model, model=MODELS),
    *expand(rules.fit_model.output.coefficients, model=MODELS),
    *expand(rules.fit_model.output.cutoff, model=MODELS),
]


rule describe_training:
    """Ranges of the training patients in everything that new patients are compared by."""
    input:
        settings=state("describe_training", bundle_settings.training_description(STUDY)),
        clinical=TRAINING_CLINICAL,
        features=expand(rules.collect_features.output.features, part="training"),
        batches=TRAINING_BATCHES,
        quality=expand(rules.collect_features.output.quality, part="training"),
        signatures=expand(rules.fit_signature.output.signature, signature=SIGNATURES),
        records=expand(rules.preprocess_image.output.record, patient=STUDY.in_cohort("train"), sequence=SEQUENCES),
        code=code("describe_training"),
    output:
        ranges=f"{RESULTS}/model/training.json",
    log:
        f"{RESULTS}/logs/describe_training.log",
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(5),
    params:
        records=lambda wildcards: rules.preprocess_image.output.record,
    shell:
        "python {input.code[0]} --settings {input.settings:q} --clinical {input.clinical:q} --features {input.features:q}"
        " --batches {input.batches:q} --quality {input.quality:q} --signatures {input.signatures:q}"
        " --records {params.records:q} --ranges {output.ranges:q} > {log:q} 2>&1"


rule write_bundle:
    """Everything learnt, and what applying it to new patients needs, in one file."""
    input:
        settings=state("write_bundle", {**bundle_settings.bundle(STUDY), "code": code_of(APPLIED_STEPS)}),
        ranges=rules.describe_training.output.ranges,
        leakage=rules.check_leakage.output.report,
        members=BUNDLED,
        code=code("write_bundle"),
    output:
        bundle=f"{RESULTS}/model/bundle.zip",
    log:
        f"{RESULTS}/logs/write_bundle.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    params:
        results=lambda wildcards: RESULTS,
    shell:
        "python {input.code[0]} --settings {input.settings:q} --ranges {input.ranges:q} --results {params.results:q}"
        " --members {input.members:q} --bundle {output.bundle:q} > {log:q} 2>&1"
