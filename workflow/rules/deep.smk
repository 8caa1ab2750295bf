# Deep features, for studies whose signatures take the region `deep`; they need the extra of `make deep`.
for fault in deep_settings.missing(CONFIG):
    stop(f"The study cannot start: {fault}")

WEIGHTS = CONFIG["deep"]["weights"] if not STUDY.applied else None
# What stands in the file decides, not its date; a bundle brings the network itself.
WEIGHTS_SHA256 = file_sha256(WEIGHTS) if WEIGHTS and workflow.is_main_process else None
NETWORK_FILE = f"{RESULTS}/features/network.{'onnx' if deep_settings.travels(CONFIG) else 'pt'}"


rule prepare_network:
    """The pretrained network as one file that turns a picture into a vector, and its description."""
    input:
        settings=state("prepare_network", deep_settings.network(CONFIG, sha256=WEIGHTS_SHA256)),
        weights=ancient([WEIGHTS] if WEIGHTS else []),
        code=code("prepare_network"),
    output:
        network=NETWORK_FILE,
        description=f"{RESULTS}/features/network.json",
    log:
        f"{RESULTS}/logs/prepare_network.log",
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --network {output.network:q}"
        " --description {output.description:q} > {log:q} 2>&1"


rule extract_deep:
    """What a pretrained network sees in the box around one patient's tumour, in one sequence, by every reading."""
    input:
        settings=state("extract_deep", deep_settings.features(CONFIG)),
        network=learnt(rules.prepare_network.output.network),
        description=learnt(rules.prepare_network.output.description),
        image=rules.normalise_image.output.image,
        upstream=rules.normalise_image.output.record,
        regions=region_files(rules.make_regions.output.regions),
        region_records=region_files(rules.make_regions.output.record),
        code=code("extract_deep"),
    output:
        features=f"{RESULTS}/features/{{patient}}/deep/{{sequence}}.csv",
        record=f"{RESULTS}/features/{{patient}}/deep/{{sequence}}.json",
    log:
        f"{RESULTS}/logs/extract_deep/{{patient}}.{{sequence}}.log",
    group:
        MEASURE
    threads: 1
    resources:
        mem_mb=scaled(1500),
        runtime=scaled(5),
    params:
        readings=lambda wildcards: STUDY.readings(wildcards.patient, wildcards.sequence),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --network {input.network:q} --description {input.description:q}"
        " --image {input.image:q} --upstream {input.upstream:q} --regions {input.regions:q}"
        " --region-records {input.region_records:q} --readings {params.readings:q}"
        " --features {output.features:q} --record {output.record:q} > {log:q} 2>&1"
