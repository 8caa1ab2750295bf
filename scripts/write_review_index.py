"""Write the page that lists all patients for review."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.review_files import read_parts
from habitat_radiomics.review_page import index_page, read_rows
from habitat_radiomics.whole_files import replace_text

a = arguments("settings", "summaries*", "quality*", "outliers", "far", "parts*", "page")
settings = read_json(a.settings)
tables = {"quality": read_rows(a.quality), "outliers": read_rows([a.outliers]), "far": read_rows([a.far])}
summaries = [read_json(path) for path in a.summaries]
page = index_page(summaries, tables, settings["excluded"], read_parts(a.parts), **settings["words"])
replace_text(a.page, page)
