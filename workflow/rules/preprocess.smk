SCAN_STATES = {key: scan_state(*key) for key in STUDY.scans}
PREPROCESS_STATES = {s: state(f"preprocess_image.{s}", settings.preprocess(STUDY, s)) for s in SEQUENCES}
INTENSITY_STATES = {s: state(f"normalise_image.{s}", settings.intensity(STUDY, s)) for s in SEQUENCES}
if workflow.is_main_process:
    FACTS.save()


rule preprocess_image:
    """One sequence of one patient: registered to the reference if there is one, bias-corrected, resampled, cropped."""
    input:
        settings=lambda wildcards: PREPROCESS_STATES[wildcards.sequence],
        scan=lambda wildcards: SCAN_STATES[wildcards.patient, wildcards.sequence],
        mask_scan=lambda wildcards: SCAN_STATES[wildcards.patient, STUDY.mask_sequence(wildcards.sequence)],
        image=lambda wildcards: source(scan_of(wildcards).image),
        reference=lambda wildcards: source(mask_scan_of(wildcards).image),
        masks=lambda wildcards: [source(mask) for mask in mask_scan_of(wildcards).masks.values()],
        code=code("preprocess_image"),
    output:
        image=f"{RESULTS}/preprocess/{{patient}}/{{sequence}}.corrected.nii.gz",
        body=f"{RESULTS}/preprocess/{{patient}}/{{sequence}}.body.nii.gz",
        record=f"{RESULTS}/preprocess/{{patient}}/{{sequence}}.corrected.json",
    log:
        f"{RESULTS}/logs/preprocess_image/{{patient}}.{{sequence}}.log",
    group:
        PREPARE
    threads: 1
    resources:
        mem_mb=scaled(3000),
        runtime=scaled(10),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --scan {input.scan:q} --mask-scan {input.mask_scan:q}"
        " --image {input.image:q} --reference {input.reference:q} --masks {input.masks:q}"
        " --out-image {output.image:q} --out-body {output.body:q} --record {output.record:q} > {log:q} 2>&1"


rule fit_intensity_scale:
    """Standard intensity landmarks of a sequence, learnt from the training patients (Nyul)."""
    input:
        settings=lambda wildcards: INTENSITY_STATES[wildcards.sequence],
        training=TRAINING,
        records=expand(rules.preprocess_image.output.record, patient=STUDY.in_cohort("train"), allow_missing=True),
        code=code("fit_intensity_scale"),
    output:
        scale=f"{RESULTS}/preprocess/intensity_scale.{{sequence}}.json",
    log:
        f"{RESULTS}/logs/fit_intensity_scale/{{sequence}}.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    params:
        records=lambda wildcards: rules.preprocess_image.output.record,
    shell:
        "python {input.code[0]} --settings {input.settings:q} --training {input.training:q} --sequence {wildcards.sequence:q}"
        " --records {params.records:q} --scale {output.scale:q} > {log:q} 2>&1"


rule normalise_image:
    """One preprocessed sequence of one patient with normalised grey values."""
    input:
        settings=lambda wildcards: INTENSITY_STATES[wildcards.sequence],
        image=rules.preprocess_image.output.image,
        upstream=rules.preprocess_image.output.record,
        scale=learnt_scale,
        code=code("normalise_image"),
    output:
        image=f"{RESULTS}/preprocess/{{patient}}/{{sequence}}.nii.gz",
        record=f"{RESULTS}/preprocess/{{patient}}/{{sequence}}.json",
    log:
        f"{RESULTS}/logs/normalise_image/{{patient}}.{{sequence}}.log",
    group:
        MEASURE
    threads: 1
    resources:
        mem_mb=scaled(1500),
        runtime=scaled(2),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --image {input.image:q} --upstream {input.upstream:q}"
        " --scale {input.scale:q} --out-image {output.image:q} --record {output.record:q} > {log:q} 2>&1"
