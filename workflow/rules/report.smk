report: "../report/workflow.rst"


ANY_ICC = any(asks_for("icc", signature) for signature in SIGNATURES)


STORED = {
    "patients": rules.describe_cohort.output.patients,
    "flow": rules.describe_cohort.output.flow,
    "quality": ALL_QUALITY,
    "bin_width": rules.advise_bin_width.output.table if STUDY.has_images else None,
    "icc": rules.assess_reproducibility.output.icc if ANY_ICC else None,
    "leakage": rules.check_leakage.output.report,
    "habitats": {name: of_habitats(name) for name in HABITATS},
    "nested": {name: of_nested(name) for name in NESTED},
    "signatures": {name: of_signature(name) for name in SIGNATURES},
    "models": {name: of_model(name) for name in MODELS},
    "table_one": rules.describe_groups.output.cells,
    "table_one_tests": rules.describe_groups.output.tests,
    "factors": rules.describe_factors.output.table if CONFIG["clinical"] else None,
    "factors_summary": rules.describe_factors.output.summary if CONFIG["clinical"] else None,
    "permutation": rules.merge_permutations.output.test if CONFIG["permutations"]["replicates"] else None,
    "points": NOMOGRAM_FILES["points"],
    "harmonised_batches": of_harmonised("batches"),
    "harmonised_summary": of_harmonised("summary"),
    "bundle": rules.write_bundle.output.bundle if deep_settings.travels(CONFIG) else None,
    "volume": rules.measure_volume.output.alone if STUDY.has_images else None,
    "volume_proxies": rules.measure_volume.output.proxies if STUDY.has_images else None,
    **JUDGED,
}
FIGURES = {
    "flow": rules.draw_flow.output.figures[1],
    "regions": {name: filled(rules.draw_regions.output.figures[0], patient=name) for name in SHOWN_PATIENTS},
    "reproducibility": rules.draw_reproducibility.output.figures[1] if ANY_ICC else None,
    "habitats": {name: habitat_figures(name) for name in HABITATS},
    "nested": {name: nested_figures(name) for name in NESTED},
    "lasso": of_signatures(rules.draw_lasso),
    "coefficients": of_signatures(rules.draw_coefficients),
    "permutation": rules.draw_permutation.output.figures[1] if CONFIG["permutations"]["replicates"] else None,
    "nomogram": rules.draw_nomogram.output.figures[1],
    "harmonise": {name: filled(rules.draw_harmonisation.output.figures[1], signature=name) for name in HARMONISED},
    **JUDGED_FIGURES,
}
# Their hashes in the record also make it anew, with the commit that made them, whenever one of them changes.
LEARNT = [
    *[filled(rules.fit_intensity_scale.output.scale, sequence=sequence) for sequence in LEARNT_SCALES],
    *expand(rules.fit_signature.output.signature, signature=SIGNATURES),
    *expand(rules.fit_model.output.model, model=MODELS),
]
RECORDED = [*paths_in(STORED), *ALL_FEATURES, *LEARNT, *PREDICTIONS]
SHEETS = {name: f"{TABLES}/{CONFIG['data'][name]}" for name in settings.own_tables(CONFIG)}
SHEETS |= {".".join(key): sheet.path for key, sheet in STUDY.feature_sheets.items()}
SCAN_RECORDS = {} if IS_DEMO else {".".join(scan): path for scan, path in SCAN_STATES.items()}


rule write_provenance:
    """Software, commit, configuration and hashes of inputs and results."""
    input:
        settings=state(
            "write_provenance",
            {**settings.provenance(STUDY), "scans": SCAN_RECORDS, "tables": SHEETS, "results": RECORDED},
        ),
        table_hashes=state("table_hashes", {name: file_sha256(path) for name, path in SHEETS.items()}),
        scans=list(SCAN_RECORDS.values()),
        tables=ancient(list(SHEETS.values())),
        results=RECORDED,
        code=code("write_provenance"),
    output:
        record=f"{RESULTS}/provenance.json",
        checksums=f"{RESULTS}/checksums.sha256",
    log:
        f"{RESULTS}/logs/write_provenance.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --record {output.record:q}"
        " --checksums {output.checksums:q} > {log:q} 2>&1"


CHECKLISTS = ["CLEAR", "METRICS", "TRIPOD+AI"]
LISTS = [str(SCRIPTS.parent / "workflow" / "report" / "checklists" / f"{name}.tsv") for name in CHECKLISTS]
LIST_HASHES = state("code/checklists", {Path(path).name: file_sha256(path) for path in LISTS})
ANSWERS = {**STORED, "provenance": rules.write_provenance.output.record}


rule write_checklists:
    """Reporting checklists, filled where the results know the answer."""
    input:
        settings=state("write_checklists", {**settings.report(STUDY), "files": ANSWERS}),
        files=paths_in(ANSWERS),
        lists=ancient(LISTS),
        list_hashes=LIST_HASHES,
        code=code("write_checklists"),
    output:
        tables=[f"{RESULTS}/report/checklists/{name}.csv" for name in CHECKLISTS],
    log:
        f"{RESULTS}/logs/write_checklists.log",
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --lists {input.lists:q} --tables {output.tables:q} > {log:q} 2>&1"


REPORT_FILES = {
    **ANSWERS,
    "figures": FIGURES,
    "checklists": dict(zip(CHECKLISTS, rules.write_checklists.output.tables)),
}


rule write_report:
    """The report: one self-contained page."""
    input:
        settings=state("write_report", {**settings.report(STUDY), "files": REPORT_FILES}),
        files=paths_in(REPORT_FILES),
        parts=ancient(REPORT_PARTS),
        part_hashes=PART_HASHES,
        code=code("write_report"),
    output:
        page=f"{RESULTS}/report/index.html",
    log:
        f"{RESULTS}/logs/write_report.log",
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(5),
    shell:
        "python {input.code[0]} --settings {input.settings:q} --parts {input.parts:q} --page {output.page:q} > {log:q} 2>&1"
