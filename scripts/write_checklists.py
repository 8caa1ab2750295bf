"""Fill the reporting checklists of a study from its stored results."""

from pathlib import Path

from habitat_radiomics.checklists import filled_checklist, read_checklist
from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.results import load_results
from habitat_radiomics.tables import write_table

a = arguments("settings", "lists*", "tables*")
settings = read_json(a.settings)
results = load_results(settings, settings["files"])
for items, path in zip(a.lists, a.tables, strict=True):
    write_table(path, filled_checklist(Path(items).stem, read_checklist(items), results))
