"""Draw the coefficients of one signature."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_selection import draw_coefficients
from habitat_radiomics.style import save_figure
from habitat_radiomics.tables import read_table

a = arguments("settings", "coefficients", "figures*")
settings = read_json(a.settings)
save_figure(draw_coefficients(read_table(a.coefficients), label=settings["label"], unit=settings["unit"]), a.figures)
