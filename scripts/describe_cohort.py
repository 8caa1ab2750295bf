"""Write the patients of the study and the flow of exclusions."""

from habitat_radiomics.cohort import exclusion_flow, patient_table
from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.tables import read_table, write_table

a = arguments("settings", "outcome", "clinical", "quality*", "patients", "flow")
settings = read_json(a.settings)
tables = [read_table(path) for path in (a.outcome, a.clinical)]
patients = patient_table(*tables, [read_table(path) for path in a.quality], settings)
write_table(a.patients, patients)
write_table(a.flow, exclusion_flow(patients, settings))
