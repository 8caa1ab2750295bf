"""Draw the flow of the cohort."""

from habitat_radiomics.entry import arguments
from habitat_radiomics.figures_cohort import draw_flow
from habitat_radiomics.style import save_figure
from habitat_radiomics.tables import read_table

a = arguments("flow", "figures*")
save_figure(draw_flow(read_table(a.flow)), a.figures)
