"""Fit the whole chain of a model to some resamples of the training patients and predict all of them with each."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.model_inputs import model_inputs, model_pipeline, model_signatures
from habitat_radiomics.resampling import bootstrap_chunk, chunk_of
from habitat_radiomics.signature_inputs import read_features, resampling
from habitat_radiomics.tables import write_table

inputs = ("settings", "chunk", "outcome", "clinical", "quality*", "features*", "batches*", "icc*")
a = arguments(*inputs, "predictions", "selected", "baseline*")
settings = read_json(a.settings)
clinical, outcome = model_inputs(settings, a.clinical, a.outcome, a.quality, [])
features = read_features(a.features, *a.batches)
chunk = bootstrap_chunk(
    model_signatures(settings, features, a.icc),
    model_pipeline(settings),
    features=features,
    clinical=clinical,
    outcome=outcome,
    scores=settings["scores"],
    **resampling(settings),
    study_repeats=settings["study_repeats"],
    replicates=chunk_of(a.chunk, settings["replicates"]),
)
write_table(a.predictions, chunk.predictions)
write_table(a.selected, chunk.selected)
for path in a.baseline:
    write_table(path, chunk.baseline)
