# What the rules take, where that is more than one path: small functions by stage, called when all stages are known.


def learnt(path):
    """What was fitted, by its path alone; a bundle may have brought it in place of the step that fits it."""
    return str(path)


# preprocess


def scan_state(patient, sequence):
    """Hashes of a scan's image and masks."""
    scan = STUDY.scans[patient, sequence]
    masks = [{"reading": reading, "sha256": hash_of(mask)} for reading, mask in scan.masks.items()]
    return state(f"scans/{patient}.{sequence}", {"image": hash_of(scan.image), "masks": masks})


def scan_of(wildcards):
    return STUDY.scans[wildcards.patient, wildcards.sequence]


def mask_scan_of(wildcards):
    """The scan whose masks apply: the sequence's own, or the reference's."""
    return STUDY.scans[wildcards.patient, STUDY.mask_sequence(wildcards.sequence)]


def learnt_scale(wildcards):
    return learnt(rules.fit_intensity_scale.output.scale) if wildcards.sequence in LEARNT_SCALES else []


# habitats


def one_of(names):
    """What a wildcard may be: one of some names; habitats and nested habitats have the same files from other rules."""
    return "|".join(names) or "(?!)"


def scans_of_set(output):
    """Files of a patient, one per sequence of a set of habitats."""
    return lambda wildcards: expand(
        output, patient=wildcards.patient, sequence=all_sets(CONFIG)[wildcards.habitats]["sequences"]
    )


def regions_of_set(output):
    """Label image (or record) of the primary reading that applies to a set of habitats."""

    def file(wildcards):
        sequence = all_sets(CONFIG)[wildcards.habitats]["sequences"][0]
        return expand(
            output,
            patient=wildcards.patient,
            sequence=STUDY.mask_sequence(sequence),
            reading=STUDY.readings(wildcards.patient, sequence)[0],
        )

    return file


def first_scans(output):
    """Files of all patients in the first sequence of a set of habitats."""
    return lambda wildcards: expand(
        output, patient=PATIENTS, sequence=all_sets(CONFIG)[wildcards.habitats]["sequences"][0]
    )


def stability_files(output):
    """Files of the patients in whom the stability of a set is measured."""
    return lambda wildcards: expand(
        output,
        patient=settings.habitat_stability(STUDY, wildcards.habitats)["patients"],
        habitats=wildcards.habitats,
    )


def montage_page(number):
    """A page with the habitats of patients, as PNG and in Snakemake's own report too."""
    png, rst = f"{RESULTS}/figures/habitats/{{habitats}}/montage{number}.png", "../report/habitats_montage.rst"
    shown = report(png, caption=rst, category="Habitats", labels={"figure": "habitats_montage", "of": f"page {number}"})
    return shown


def of_habitats(name):
    """Stored tables of a set of habitats."""
    stability = rules.assess_habitat_stability.output
    tables = {
        "artifact": rules.fit_habitats.output.artifact,
        "curve": rules.fit_habitats.output.curve,
        "shares": rules.collect_habitats.output.shares,
        "stability": stability.stability,
        "features": stability.features,
    }
    return {table: filled(path, habitats=name) for table, path in tables.items()}


def habitat_figures(name):
    """Figures of a set of habitats that exist: centres of one cohort scale, and a curve where the number was chosen."""
    chosen = CONFIG["habitats"][name]
    shown = settings.shown_patients(STUDY)
    figures = {
        "overlays": {p: filled(rules.draw_habitats.output.figures[0], habitats=name, patient=p) for p in shown},
        "montage": expand(rules.draw_habitat_montage.output.figures, habitats=name),
        "stability": filled(rules.draw_habitat_stability.output.figures[1], habitats=name),
        "fractions": filled(rules.draw_habitat_fractions.output.figures[1], habitats=name),
    }
    if chosen["scope"] == "cohort":
        figures["centres"] = filled(rules.draw_habitat_centres.output.figures[1], habitats=name)
    if not chosen["k"]:
        figures["count"] = filled(rules.draw_habitat_count.output.figures[1], habitats=name)
    return figures


# nested


def nested_scans(output):
    """Files of the training patients, in every sequence of a nested set."""
    return lambda wildcards: expand(
        output, patient=STUDY.in_cohort("train"), sequence=CONFIG["nested"][wildcards.habitats]["sequences"]
    )


def probability_page(number):
    """A page with the probability maps of patients, as PNG and in Snakemake's own report too."""
    png, rst = f"{RESULTS}/figures/habitats/{{habitats}}/probability{number}.png", "../report/nested_montage.rst"
    return report(png, caption=rst, category="Habitats", labels={"figure": "nested_montage", "of": f"page {number}"})


def of_nested(name):
    """Stored tables of a nested set."""
    tables = {
        "artifact": rules.fit_nested.output.artifact,
        "scales": rules.fit_nested.output.scales,
        "shares": rules.collect_habitats.output.shares,
        **({"planted": rules.compare_planted.output.summary} if IS_DEMO else {}),
    }
    return {table: filled(path, habitats=name) for table, path in tables.items()}


def nested_maps(name):
    """Maps of a nested set on slices, and its subregions."""
    shown = settings.shown_patients(STUDY)
    return {
        "maps": {p: filled(rules.draw_probability.output.figures[0], habitats=name, patient=p) for p in shown},
        "pages": expand(rules.draw_probability_montage.output.figures, habitats=name),
        "montage": expand(rules.draw_habitat_montage.output.figures, habitats=name),
    }


def nested_figures(name):
    """The same, and their shares of the tumour by outcome."""
    return {**nested_maps(name), "fractions": filled(rules.draw_habitat_fractions.output.figures[1], habitats=name)}


# extract


def region_files(output):
    """Label images (or records) of every reading that applies to a patient's sequence, the primary one first."""

    def files(wildcards):
        return expand(
            output,
            patient=wildcards.patient,
            sequence=STUDY.mask_sequence(wildcards.sequence),
            reading=STUDY.readings(wildcards.patient, wildcards.sequence),
        )

    return files


def scan_name(wildcards):
    return f"patient {wildcards.patient}, {wildcards.sequence}"


def sample_state(patient, sequence):
    """Whether a scan is in the sample that the reference engine extracts too."""
    return state(f"sample/{patient}.{sequence}", {"cross_check": settings.is_checked(STUDY, patient, sequence)})


def habitats_of_part(output):
    """Files of one part of the cohort: each patient's sequences, and the sets of habitats that apply to each."""
    return lambda wildcards: [
        path
        for sequence in SEQUENCES
        for path in expand(
            output, patient=PARTS[wildcards.part], sequence=sequence, habitats=STUDY.habitat_sets(sequence)
        )
    ]


def deep_of_part(file):
    """Files of one part of the cohort, in the sequences whose tumours a pretrained network sees."""

    def files(wildcards):
        patients = PARTS[wildcards.part] if DEEP else []
        return [path for p in patients for path in expand(rules.extract_deep.output[file], patient=p, sequence=DEEP)]

    return files if DEEP else []


def collection(part):
    """What collecting one part of the cohort depends on."""
    drawn, habitats = rules.extract_features.output, rules.extract_habitats.output
    files = {
        "tables": drawn.features,
        "records": drawn.record,
        "habitat_tables": habitats.features,
        "habitat_records": habitats.record,
    }
    if DEEP:
        files |= {"deep_tables": rules.extract_deep.output.features, "deep_records": rules.extract_deep.output.record}
    return state(f"collect_features.{part}", settings.collection(STUDY, PARTS[part], files))


# select


def asks_for(step, signature):
    return any(step in entry for entry in signature_steps(CONFIG, signature))


def agreement_tables(signatures):
    """Tables behind the steps that ask for reproducible features, and for stable ones of habitats."""
    icc = [rules.assess_reproducibility.output.icc] if any(asks_for("icc", name) for name in signatures) else []
    return icc + [filled(rules.assess_habitat_stability.output.features, habitats=s) for s in stable_sets(signatures)]


def stable_sets(signatures):
    """Sets of habitats whose features some signature wants to be stable."""
    members = [member for name in signatures for member in members_of(CONFIG, name)]
    asking = [CONFIG["signatures"][name]["regions"] for name in members if asks_for("stable", name)]
    return [name for name in HABITATS if any(region_names([name], regions) for regions in asking)]


def icc_table(wildcards):
    """The agreement tables that a signature asks for."""
    return agreement_tables([wildcards.signature])


# train


def scores_of(output):
    """Tables (or objects) of the signatures in a model."""
    return lambda wildcards: expand(output, signature=CONFIG["models"][wildcards.model]["signatures"])


def takes_features(wildcards):
    return CONFIG["models"][wildcards.model]["inputs"] == "features"


def all_scores(wildcards):
    """What a model takes of its signatures in every patient: scores, or selected features."""
    output = rules.apply_signature.output
    return scores_of(output.selected if takes_features(wildcards) else output.scores)(wildcards)


def training_scores(wildcards):
    """On what a model is fitted: cross-fitted scores, or the signature's own scores or selected features."""
    if takes_features(wildcards) or CONFIG["training"]["scores"] == "apparent":
        return all_scores(wildcards)
    return scores_of(rules.cross_fit_signature.output.scores)(wildcards)


def held_out_predictions(wildcards):
    """Scores that calibrate the probabilities of a model whose features were selected on the same patients."""
    asked = takes_features(wildcards) and CONFIG["training"]["scores"] == "cross_fitted"
    return rules.cross_validate_model.output.predictions if asked else []


def icc_tables(wildcards):
    """The agreement tables that the signatures of a model ask for."""
    return agreement_tables(CONFIG["models"][wildcards.model]["signatures"])


def training_features(wildcards):
    return TRAINING_FEATURES if CONFIG["models"][wildcards.model]["signatures"] else []


def training_batches(wildcards):
    return TRAINING_BATCHES if CONFIG["models"][wildcards.model]["signatures"] else []


def learnt_from_images():
    """Records of what was learnt from images: landmarks, and habitats with the stability of their features."""
    scales = [filled(rules.fit_intensity_scale.output.scale, sequence=s) for s in LEARNT_SCALES]
    sets = [filled(rules.fit_habitats.output.artifact, habitats=name) for name in SETS]
    stable = [filled(rules.assess_habitat_stability.output.fitted_on, habitats=s) for s in stable_sets(SIGNATURES)]
    return [*stable, *scales, *sets]


# resample


def permutation_figure(wildcards):
    """The figure of the permutation test, where the study asks for one."""
    if not CONFIG["permutations"]["replicates"]:
        stop("config: permutations.replicates is 0, so there is no permutation test. Set it, for example to 200.")
    return rules.draw_permutation.output.figures


# figures


def figure(name, caption, category):
    """A figure as PNG and SVG, the SVG in Snakemake's own report too."""
    svg, rst = f"{RESULTS}/figures/{name}.svg", f"../report/{caption}.rst"
    shown = report(svg, caption=rst, category=category, labels={"figure": caption, "of": Path(name).name})
    return [f"{RESULTS}/figures/{name}.png", shown]


def scans_of_patient(output):
    """Files of a patient, one per sequence."""
    return lambda wildcards: expand(output, patient=wildcards.patient, sequence=SEQUENCES)


def primary_regions(output):
    """Label images (or records) of the primary reading that applies to each of a patient's sequences."""
    return lambda wildcards: [
        expand(
            output,
            patient=wildcards.patient,
            sequence=STUDY.mask_sequence(sequence),
            reading=STUDY.readings(wildcards.patient, sequence)[0],
        )[0]
        for sequence in SEQUENCES
    ]


# review


def review_regions(output):
    """Label images (or records) of every reading of a patient, in the order of `review_settings.readings`."""

    def files(wildcards):
        found = review_settings.readings(STUDY, wildcards.patient)
        return [filled(output, patient=wildcards.patient, sequence=masks, reading=name) for _, masks, name in found]

    return files


def review_probabilities(wildcards):
    """Maps of the nested sets: whole where they are written, else the slice that is drawn."""
    if not NESTED:
        return []
    output = rules.map_microregion.output
    return expand(output.map or output.shown, patient=wildcards.patient, habitats=NESTED)


# bundle


def image_record():
    """Pattern of the records of preprocessed images; none where there are no images."""
    return [str(rules.preprocess_image.output.record)] if STUDY.has_images else []


def image_records(patients):
    return expand(image_record(), patient=patients, sequence=SEQUENCES) if STUDY.has_images else []


def network_files():
    """The pretrained network and its description, where a study has one."""
    return [rules.prepare_network.output.network, rules.prepare_network.output.description] if DEEP else []


def bundled_network(wildcards):
    """What a bundle has to hold of a network, which it cannot where that is a program."""
    if not deep_settings.travels(CONFIG):
        stop(deep_settings.NO_BUNDLE)
    return network_files()


def code_of(scripts):
    """Hashes of the files that some scripts reach."""
    return {file: digest for script in scripts for file, digest in code_hashes(SCRIPTS / f"{script}.py").items()}


def of_applied_habitats(name):
    """Stored tables of a set of habitats that was learnt elsewhere."""
    tables = {"artifact": rules.fit_habitats.output.artifact, "shares": rules.collect_habitats.output.shares}
    return {table: filled(path, habitats=name) for table, path in tables.items()}


# report


def filled(path, **wildcards):
    """One path with its wildcards filled in."""
    return expand(path, **wildcards)[0]


def paths_in(value):
    """Every path in nested dictionaries and lists."""
    if isinstance(value, dict):
        return [path for item in value.values() for path in paths_in(item)]
    if isinstance(value, list):
        return [path for item in value for path in paths_in(item)]
    return [value] if value else []


def of_signature(name):
    """Stored tables of a signature."""
    tables = {
        table: getattr(rules.fit_signature.output, table) for table in ("funnel", "coefficients", "path", "candidates")
    }
    return {table: filled(path, signature=name) for table, path in tables.items()}


def of_harmonised(table):
    """One stored table of every harmonised signature."""
    path = getattr(rules.assess_harmonisation.output, table)
    return {name: filled(path, signature=name) for name in HARMONISED}


def of_model(name):
    """Stored tables of a model."""
    tables = {table: getattr(rules.fit_model.output, table) for table in ("coefficients", "cutoff")}
    return {table: filled(path, model=name) for table, path in tables.items()}


def of_cohorts(drawing):
    """SVG figures of one kind, by cohort."""
    return {name: filled(drawing.output.figures[1], cohort=name) for name in COHORTS}


def of_cohorts_by_horizon(drawing, horizons):
    """SVG figures of one kind, by horizon and there by cohort."""
    return {
        horizon: {name: filled(drawing.output.figures[1], cohort=name, horizon=horizon) for name in COHORTS}
        for horizon in horizons
    }


def of_signatures(drawing):
    """SVG figures of one kind, by signature."""
    return {name: filled(drawing.output.figures[1], signature=name) for name in SIGNATURES}


# all


def final_files():
    """What a study ends with: its report, or without an outcome its habitats and features."""
    if STUDY.applied:
        return rules.write_application.output
    review = rules.write_review_index.output if STUDY.has_images and CONFIG["report"]["review"] else []
    if STUDY.predicts:
        written = [rules.write_report, rules.write_nomogram_page, rules.write_provenance]
        written += [rules.write_bundle] if deep_settings.travels(CONFIG) else []
        return [path for step in written for path in step.output] + list(review)
    figures = {name: habitat_figures(name) for name in HABITATS}
    return paths_in(figures) + expand(COLLECTED.features, part=PARTS) + list(review)
