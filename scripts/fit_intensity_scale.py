"""Learn the standard intensity landmarks of one sequence from the training patients."""

from habitat_radiomics.entry import arguments, read_json, write_json
from habitat_radiomics.intensity import fit_nyul, intensity_landmarks
from habitat_radiomics.leakage import digests

a = arguments("settings", "training", "sequence", "records", "scale")
patients = read_json(a.training)["patients"]
records = {p: read_json(a.records.format(patient=p, sequence=a.sequence)) for p in patients}
usable = {patient: record["measures"] for patient, record in records.items() if not record["faults"]}
landmarks = [intensity_landmarks(measures["statistics"]) for measures in usable.values()]
standard = fit_nyul(landmarks, scale=read_json(a.settings)["standard_range"])
write_json(a.scale, {"standard": standard, "fitted_on": digests(usable)})
