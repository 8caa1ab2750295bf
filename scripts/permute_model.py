"""Permute the training outcomes, fit the whole chain of a model anew and validate it, for some permutations."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.model_inputs import model_inputs, model_pipeline, model_signatures
from habitat_radiomics.outcome import why_not
from habitat_radiomics.resampling import chunk_of, permutation_chunk
from habitat_radiomics.signature_inputs import read_features, resampling
from habitat_radiomics.tables import read_by_patient, write_table

inputs = (
    "outcome",
    "clinical",
    "quality*",
    "features*",
    "all_outcome",
    "all_clinical",
    "all_quality*",
    "all_features*",
    "batches*",
    "all_batches*",
)
a = arguments("settings", "chunk", *inputs, "icc*", "areas")
settings = read_json(a.settings)
clinical, outcome = model_inputs(settings, a.clinical, a.outcome, a.quality, [])
everyone, truth = model_inputs(settings, a.all_clinical, a.all_outcome, a.all_quality, [])
features = read_features(a.features, *a.batches)
all_features = read_features(a.all_features if a.features else [], *a.all_batches)
cohorts = read_by_patient(a.all_outcome)["cohort"].loc[everyone.index]
validation = {
    cohort: (None if all_features is None else all_features.loc[rows.index], rows, truth.loc[rows.index])
    for cohort, rows in everyone.groupby(cohorts, sort=False)
    if cohort != "train" and not why_not(truth.loc[rows.index])
}
areas = permutation_chunk(
    model_signatures(settings, features, a.icc),
    model_pipeline(settings),
    features=features,
    clinical=clinical,
    outcome=outcome,
    validation=validation,
    scores=settings["scores"],
    **resampling(settings),
    permutations=chunk_of(a.chunk, settings["replicates"]),
)
write_table(a.areas, areas)
