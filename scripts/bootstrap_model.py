"""Fit the whole chain of a model to some resamples of the training patients and predict all of them with each."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.model_inputs import model_inputs, model_pipeline, model_signatures
from habitat_radiomics.resampling import bootstrap_chunk, chunk_of
from habitat_radiomics.signature_inputs import resampling
from habitat_radiomics.tables import read_by_patient, write_table

a = arguments("settings", "chunk", "outcome", "clinical", "quality*", "features*", "icc*", "predictions", "selected")
settings = read_json(a.settings)
clinical, outcome = model_inputs(settings, a.clinical, a.outcome, a.quality, [])
features = read_by_patient(a.features[0]) if a.features else None
chunk = bootstrap_chunk(
    model_signatures(settings, features, a.icc),
    model_pipeline(settings),
    features=features,
    clinical=clinical,
    outcome=outcome,
    scores=settings["scores"],
    **resampling(settings),
    replicates=chunk_of(a.chunk, settings["replicates"]),
)
write_table(a.predictions, chunk.predictions)
write_table(a.selected, chunk.selected)
