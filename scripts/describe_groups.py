"""Write Table 1: patients by cohort, and by outcome within every cohort."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.patient_groups import described_groups, included_patients
from habitat_radiomics.tables import write_table

a = arguments("settings", "patients", "cells", "tests")
settings = read_json(a.settings)
patients = included_patients(a.patients, settings["variables"])
variables = {name: settings["variables"][name] for name in settings["order"]}
words = {name: settings[name] for name in ("outcome_label", "time_unit")}
cells, tests = described_groups(patients, variables, **words)
write_table(a.cells, cells)
write_table(a.tests, tests)
