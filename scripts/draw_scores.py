"""Draw the score of one signature by outcome in every cohort."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_scores import draw_scores, score_table
from habitat_radiomics.style import save_figure
from habitat_radiomics.tables import read_table

a = arguments("settings", "scores", "cross_fitted", "outcome", "figures*")
settings = read_json(a.settings)
table = score_table(read_table(a.scores), read_table(a.cross_fitted), read_table(a.outcome))
figure = draw_scores(table, label=settings["label"], outcome_label=settings["outcome_label"])
save_figure(figure, a.figures)
