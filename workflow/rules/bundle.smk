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
APPLIED_STEPS += ["extract_deep"] if DEEP else []
APPLIED_STEPS += ["extract_habitats", "collect_features", "apply_signature", "predict_patients"]
# What was learnt; a bundle keeps the paths that it has below the results.
BUNDLED = [
    *[filled(rules.fit_intensity_scale.output.scale, sequence=sequence) for sequence in LEARNT_SCALES],
    *[filled(rules.fit_habitats.output.artifact, habitats=name) for name in SETS],
    *network_files(),
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
        features=TRAINING_FEATURES,
        batches=TRAINING_BATCHES,
        quality=TRAINING_QUALITY,
        signatures=expand(rules.fit_signature.output.signature, signature=SIGNATURES),
        records=image_records(STUDY.in_cohort("train")),
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
        records=lambda wildcards: image_record(),
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
        network=bundled_network,
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
