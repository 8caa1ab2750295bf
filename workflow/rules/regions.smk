rule make_regions:
    """Tumour and peritumoural shell of one reading, as labels on the grid of the preprocessed image."""
    input:
        settings=state("make_regions", settings.regions(STUDY)),
        scan=lambda wildcards: SCAN_STATES[wildcards.patient, wildcards.sequence],
        mask=lambda wildcards: source(scan_of(wildcards).masks[wildcards.reading]),
        body=rules.preprocess_image.output.body,
        upstream=rules.preprocess_image.output.record,
        code=code("make_regions"),
    output:
        regions=f"{RESULTS}/regions/{{patient}}/{{sequence}}.{{reading}}.nii.gz",
        record=f"{RESULTS}/regions/{{patient}}/{{sequence}}.{{reading}}.json",
    log:
        f"{RESULTS}/logs/make_regions/{{patient}}.{{sequence}}.{{reading}}.log",
    group:
        PREPARE
    threads: 1
    resources:
        mem_mb=scaled(1500),
        runtime=scaled(2),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --scan {input.scan:q} --reading {wildcards.reading:q}"
        " --mask {input.mask:q} --body {input.body:q} --upstream {input.upstream:q}"
        " --regions {output.regions:q} --record {output.record:q} > {log:q} 2>&1"
