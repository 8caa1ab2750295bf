"""Say where the patients differ from those on whom the models of a bundle were fitted."""

from pathlib import Path

from habitat_radiomics.application_warnings import Applied, NewPatients, all_warnings, software_warnings
from habitat_radiomics.bundle import read_bundle
from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.model_inputs import usable_patients
from habitat_radiomics.persist import load_object
from habitat_radiomics.provenance import package_versions
from habitat_radiomics.signature_inputs import read_features
from habitat_radiomics.tables import read_clinical, read_table, write_table
from habitat_radiomics.training_ranges import scan_measures

inputs = ("settings", "bundle", "ranges", "signatures*", "models*", "cutoffs*", "features", "batches*", "clinical")
a = arguments(*inputs, "quality", "records*", "warnings", "outside")
settings, quality = read_json(a.settings), read_table(a.quality)
kept = usable_patients([quality])
records = {(p, s): read_json(a.records[0].format(patient=p, sequence=s)) for p in kept for s in settings["sequences"]}
applied = Applied(
    ranges=read_json(a.ranges),
    signatures={name: load_object(path) for name, path in zip(settings["signatures"], a.signatures, strict=True)},
    fitted_on={name: read_json(path)["fitted_on"] for name, path in zip(settings["models"], a.cutoffs, strict=True)},
    models={model["name"]: model for model in settings["described"]},
    variables=settings["variables"],
    fills={name: fill for model in map(load_object, a.models) for name, fill in model["encoder"].fill_.items()},
    normalised=settings["normalised"],
)
new = NewPatients(
    features=read_features([a.features], *a.batches).loc[kept],
    clinical=read_clinical(a.clinical, settings["variables"]).loc[kept],
    scans=scan_measures(records),
    quality=quality,
    **{name: settings[name] for name in ("sites", "excluded")},
)
versions = package_versions(sorted(Path(__file__).resolve().parent.rglob("*.py")))
software = software_warnings(read_bundle(a.bundle, objects=False).manifest, code=settings["code"], versions=versions)
warnings, outside = all_warnings(applied, new, software=software)
write_table(a.warnings, warnings)
write_table(a.outside, outside)
