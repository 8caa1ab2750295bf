"""The section of the report page on harmonisation, composed from stored tables."""

from habitat_radiomics.labels import count, percent
from habitat_radiomics.report_blocks import figure, heading, section, stored, table

ACTIONS = {
    "fitted": "effect fitted on its training patients",
    "estimated": "effect estimated from its own patients, without outcomes",
    "left": "left as it is",
    "unchanged": "unchanged",
    "note": "",
}


def harmonise_section(results, captions):
    """Return what ComBat did to the features of every signature; None in a study without."""
    batches, summaries = (results.statistics.get(name) for name in ("harmonised_batches", "harmonised_summary"))
    if not batches:
        return None
    blocks = []
    for position, name in enumerate(batches):
        label, files = results.label("signatures", name), results.files
        blocks += [
            heading(f"Signature {label}"),
            _batch_table(batches[name], label, stored(files["harmonised_batches"][name], f"batches_{name}.csv")),
            _summary_table(summaries[name], label),
            figure(
                files["figures"]["harmonise"][name],
                alt=f"Patients by batch before and after harmonisation, signature {label}.",
                caption="" if position else captions("harmonise"),
                file_name=f"harmonise_{name}.svg",
            ),
        ]
    return section("harmonise", "Harmonisation between batches", blocks)


def _batch_table(batches, label, download):
    shown = batches.fillna({"batch": "", "note": ""})
    rows = [
        [str(row.batch), "" if row.action == "note" else count(row.patients), ACTIONS[row.action], row.note]
        for row in shown.itertuples()
    ]
    return table(f"{label}: batches", ["Batch", "Patients", "ComBat", "Note"], rows, download=download)


def _summary_table(summary, label):
    rows = [
        [row.when, count(row.features), count(row.q_below), percent(round(100 * row.median_explained) / 100)]
        for row in summary.itertuples()
    ]
    header = ["", "Features tested", "Differ between batches", "Median share of variance between batches"]
    note = "Kruskal-Wallis test of all patients; differing: p adjusted for the number of features below 0.05."
    return table(f"{label}: features that differ between batches", header, rows, note=note)
