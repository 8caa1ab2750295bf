"""Predict every training patient by a whole chain that did not see the patient."""

from habitat_radiomics.cox_predictor import evaluation_times
from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.model import cross_validated_prediction
from habitat_radiomics.model_inputs import model_inputs, model_pipeline, model_signatures
from habitat_radiomics.signature_inputs import read_features, resampling
from habitat_radiomics.tables import write_table

a = arguments("settings", "outcome", "clinical", "quality*", "features*", "batches*", "icc*", "predictions")
settings = read_json(a.settings)
clinical, outcome = model_inputs(settings, a.clinical, a.outcome, a.quality, [])
features = read_features(a.features, *a.batches)
times = evaluation_times(outcome) if "horizons" in settings else ()
predictions = cross_validated_prediction(
    model_signatures(settings, features, a.icc),
    model_pipeline(settings, times),
    features=features,
    clinical=clinical,
    outcome=outcome,
    scores=settings["scores"],
    **resampling(settings),
)
write_table(a.predictions, predictions.reset_index())
