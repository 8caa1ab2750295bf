"""Habitat Radiomics: from images, masks and two tables to a validated study.

snakemake --cores 32                                          the embedded demo cohort
snakemake --cores 32 --configfile config/studies/STUDY.yaml   a study of your own
"""

from snakemake.utils import min_version

min_version("9.27")


# Used with --software-deployment-method apptainer only; built from envs/habitat.def.
container: "envs/habitat.sif"


include: "workflow/rules/common.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/cohort.smk"


# Where features are given in tables there are no images; without an outcome a study ends with its habitats and features.
OF_IMAGES = ["preprocess", "regions", "habitats", *(["deep"] if DEEP else []), "extract", "figures_images"]
STAGES = OF_IMAGES if STUDY.has_images else ["import"]
STAGES += ["nested"] if CONFIG["nested"] else []
STAGES += ["review"] if STUDY.has_images and not STUDY.applied else []
if STUDY.predicts:
    STAGES += [
        "select",
        "harmonise",
        "train",
        "resample",
        f"resample_{OUTCOME_TYPE}",
        "validate",
        f"validate_{OUTCOME_TYPE}",
    ]
    STAGES += ["figures", f"figures_{OUTCOME_TYPE}", "bundle", "apply" if STUDY.applied else "report"]
for stage in STAGES:

    include: f"workflow/rules/{stage}.smk"


rule all:
    default_target: True
    input:
        final_files(),


rule features:
    input:
        expand(COLLECTED, part=PARTS),


onstart:
    compile_missing()


onsuccess:
    print(settings.closing_line(RESULTS, applied=STUDY.applied))
