"""Describe the training patients as new ones are compared with them: ranges of what the models look at."""

from habitat_radiomics.entry import arguments, read_json, write_json
from habitat_radiomics.model_inputs import usable_patients
from habitat_radiomics.persist import load_object
from habitat_radiomics.signature_inputs import read_features
from habitat_radiomics.tables import read_clinical, read_table
from habitat_radiomics.training_ranges import scan_measures, training_ranges

inputs = ("settings", "clinical", "features", "batches*", "quality", "signatures*", "records*")
a = arguments(*inputs, "ranges")
settings = read_json(a.settings)
kept = usable_patients([read_table(a.quality)])
signatures = {name: load_object(path) for name, path in zip(settings["signatures"], a.signatures, strict=True)}
records = {(p, s): read_json(a.records[0].format(patient=p, sequence=s)) for p in kept for s in settings["sequences"]}
clinical = read_clinical(a.clinical, settings["variables"]).loc[kept]
features = read_features([a.features], *a.batches).loc[kept]
found = training_ranges(signatures, features, clinical, scan_measures(records), variables=settings["variables"])
write_json(a.ranges, {**found, "site_column": settings["site_column"], "sites": settings["sites"]})
