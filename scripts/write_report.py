"""Write the report page of a study."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.report import read_parts, report_page
from habitat_radiomics.results import load_results
from habitat_radiomics.whole_files import replace_text

a = arguments("settings", "parts*", "page")
settings = read_json(a.settings)
replace_text(a.page, report_page(load_results(settings, settings["files"]), read_parts(a.parts)))
