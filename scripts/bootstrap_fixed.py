"""Bootstrap a model with its features held fixed, as papers do; it says nothing of the selection."""

from habitat_radiomics.bootstrap_tables import fixed_features_bootstrap
from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.model import build_model, with_scores
from habitat_radiomics.model_inputs import model_inputs
from habitat_radiomics.persist import load_object
from habitat_radiomics.signature import signature_score
from habitat_radiomics.tables import read_by_patient, write_table

a = arguments("settings", "outcome", "clinical", "quality*", "features*", "signatures*", "statistics")
settings = read_json(a.settings)
clinical, outcome = model_inputs(settings, a.clinical, a.outcome, a.quality, [])
features = read_by_patient(a.features[0]) if a.features else None
fitted = zip(settings["signatures"], map(load_object, a.signatures), strict=True)
scores = {name: signature_score(signature, features) for name, signature in fitted}
pipeline = build_model(scores=settings["signatures"], variables=settings["variables"], estimator=settings["estimator"])
chosen = {"count": settings["replicates"], "seed": settings["seed"]}
write_table(a.statistics, fixed_features_bootstrap(pipeline, with_scores(clinical, scores), outcome, **chosen))
