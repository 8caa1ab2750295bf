"""Fit one model on the training patients and learn its cut-off."""

from habitat_radiomics.entry import arguments, read_json, write_json
from habitat_radiomics.model import build_model, fit_model, model_coefficients, model_prediction
from habitat_radiomics.model_inputs import model_inputs
from habitat_radiomics.persist import save_object
from habitat_radiomics.roc import youden_threshold
from habitat_radiomics.tables import write_table

a = arguments("settings", "outcome", "clinical", "quality*", "scores*", "model", "coefficients", "cutoff")
settings = read_json(a.settings)
predictors, outcome = model_inputs(settings, a.clinical, a.outcome, a.quality, a.scores)
pipeline = build_model(scores=settings["signatures"], variables=settings["variables"], estimator=settings["estimator"])
fitted = fit_model(pipeline, predictors, outcome)
threshold = youden_threshold(outcome, model_prediction(fitted, predictors)["score"]).threshold
save_object(a.model, fitted)
write_table(a.coefficients, model_coefficients(fitted))
write_json(a.cutoff, {"threshold": threshold, "rule": "Youden", "fitted_on": fitted.fitted_on_})
