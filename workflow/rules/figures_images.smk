rule draw_regions:
    """Tumour and peritumoural shell of one patient on a slice of every sequence."""
    input:
        settings=state("draw_regions", settings.regions_figure(STUDY)),
        images=scans_of_patient(rules.normalise_image.output.image),
        records=scans_of_patient(rules.normalise_image.output.record),
        regions=primary_regions(rules.make_regions.output.regions),
        region_records=primary_regions(rules.make_regions.output.record),
        code=code("draw_regions"),
    output:
        figures=figure("regions/{patient}", "regions", "Regions"),
    log:
        f"{RESULTS}/logs/draw_regions/{{patient}}.log",
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(2),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --patient {wildcards.patient:q} --images {input.images:q}"
        " --records {input.records:q} --regions {input.regions:q} --region-records {input.region_records:q}"
        " --figures {output.figures:q} > {log:q} 2>&1"


rule draw_reproducibility:
    """Histograms of the agreement of all features between and within readers."""
    input:
        settings=state("draw_reproducibility", settings.agreement_figure(STUDY)),
        icc=rules.assess_reproducibility.output.icc,
        code=code("draw_reproducibility"),
    output:
        figures=figure("reproducibility", "reproducibility", "Features"),
    log:
        f"{RESULTS}/logs/draw_reproducibility.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(2),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --icc {input.icc:q} --figures {output.figures:q} > {log:q} 2>&1"
