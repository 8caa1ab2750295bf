"""Bootstrap a model with its features held fixed, as papers do; it says nothing of the selection."""

from habitat_radiomics import bootstrap_tables, survival_bootstrap
from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.model import beside, signature_values
from habitat_radiomics.model_inputs import model_inputs, model_pipeline, signature_names
from habitat_radiomics.outcome import is_survival
from habitat_radiomics.persist import load_object
from habitat_radiomics.signature_inputs import read_features
from habitat_radiomics.tables import write_table

a = arguments("settings", "outcome", "clinical", "quality*", "features*", "batches*", "signatures*", "statistics")
settings = read_json(a.settings)
clinical, outcome = model_inputs(settings, a.clinical, a.outcome, a.quality, [])
features = read_features(a.features, *a.batches)
fitted = zip(signature_names(settings), map(load_object, a.signatures), strict=True)
values = [signature_values(name, signature, features, settings["inputs"]) for name, signature in fitted]
chosen = {"count": settings["replicates"], "seed": settings["seed"]}
predictors = beside(clinical, values)
of_kind = survival_bootstrap if is_survival(outcome) else bootstrap_tables
write_table(a.statistics, of_kind.fixed_features_bootstrap(model_pipeline(settings), predictors, outcome, **chosen))
