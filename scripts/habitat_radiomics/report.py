"""The report: one page with everything inside, that opens without a network."""

from pathlib import Path
from types import SimpleNamespace

from docutils.core import publish_parts
from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from habitat_radiomics.report_sections import all_sections, headline

TEMPLATE, STYLE, SCRIPT = "page.html.j2", "page.css", "page.js"


def report_page(results, parts):
    """Return the page as HTML text.

    Parameters
    ----------
    results : results.Results
    parts : dict
        File name to text: the template, style sheet, script, and one ``.rst`` per caption.
    """
    return rendered_page(
        parts,
        title=results.config["report"]["title"] or results.config["study"],
        study=results.config["study"],
        outcome=results.outcome,
        headline=headline(results),
        sections=all_sections(results, caption_reader(parts)),
    )


def rendered_page(parts, *, title, study, outcome, headline, sections):
    """Return a page of sections below a summary as HTML text; ``parts`` as `report_page`."""
    environment = Environment(
        loader=DictLoader(parts), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    words = {"title": title, "study": study, "outcome": outcome, "headline": headline, "sections": sections}
    return environment.get_template(TEMPLATE).render(**words, style=Markup(parts[STYLE]), script=Markup(parts[SCRIPT]))


def caption_reader(parts):
    """Return ``caption(name, **wildcards)``: a caption as HTML, the same text that ``snakemake --report`` shows.

    Parameters
    ----------
    parts : dict
        File name to text; captions are reStructuredText with Jinja expressions on ``snakemake.wildcards``.
    """
    environment = Environment(undefined=StrictUndefined)  # plain text: docutils escapes it

    def caption(name, **wildcards):
        snakemake = SimpleNamespace(wildcards=SimpleNamespace(**wildcards))
        return Markup(rst_to_html(environment.from_string(parts[f"{name}.rst"]).render(snakemake=snakemake)))

    return caption


def rst_to_html(text):
    """Return reStructuredText as HTML; it can neither include files nor carry HTML of its own."""
    settings = {"raw_enabled": False, "file_insertion_enabled": False, "report_level": 4, "halt_level": 4}
    return publish_parts(text, writer="html5", settings_overrides=settings)["body"]


def read_parts(paths):
    """Return the template files by name."""
    return {Path(path).name: Path(path).read_text(encoding="utf-8") for path in paths}
