"""The section of the report page on nested habitats, composed from stored tables."""

from habitat_radiomics.labels import count, feature_label, number, percent, significant
from habitat_radiomics.report_blocks import figure, gallery, heading, paragraph, section, stored, table

CENSORED = {
    "weight": " Patients censored before it are left out, the others weighted by the inverse probability of censoring.",
    "exclude": " Patients censored before it are left out.",
}
APPLIED = (
    "Patients whose identifier is that of a training patient are mapped, as in the study, by the machine that was "
    "fitted without that patient; all others by the machine of all training patients."
)
COHORTS = {"train": "Training (maps out of fold)", "internal": "Internal validation", "external": "External validation"}


def nested_section(results, captions):
    """Return how the maps were made, what they show, and what was found; None in a study without."""
    blocks = []
    for name in results.orders.get("nested", []):
        label = results.config["nested"][name]["label"] or name
        blocks += [heading(label), paragraph(machine_sentence(results.nested[name]["artifact"], unit=_unit(results)))]
        blocks += [machine_table(results, name), scale_table(results, name), share_table(results, name)]
        blocks += [planted_table(results, name), *_figures(results, name, label, captions)]
    return section("nested", "Nested habitats", blocks)


def applied_blocks(results, name, captions):
    """How patients of another centre were mapped by a nested set that was learnt before, and their maps."""
    artifact, label = results.nested[name]["artifact"], results.config["nested"][name]["label"] or name
    return [
        heading(label),
        paragraph(f"{learnt_sentence(artifact, unit=_unit(results))} {APPLIED}"),
        share_table(results, name),
        *_galleries(results.files["figures"]["nested"][name], name, label, captions),
    ]


def machine_sentence(artifact, *, unit):
    """Of whom the machine learnt, what it selected, and how maps are made."""
    others = count(len(artifact["models"]) - 1)
    return (
        f"{learnt_sentence(artifact, unit=unit)} Maps of training patients come from {others} machines, selection and "
        "scale included, that did not see them."
    )


def learnt_sentence(artifact, *, unit):
    """Of whom the machine learnt, what it selected, and to what it was applied; ``unit`` is that of the horizon."""
    full = artifact["models"][0]
    horizon = artifact["horizon"]
    at = f" by {horizon:g} {unit}" if horizon else ""
    left_out = CENSORED[artifact["censored"]] if horizon else ""
    return (
        f"A support vector machine of {count(len(full['features']))} features of whole tumours, selected among the "
        f"{count(full['transferable'])} (of {count(full['candidates'])}) that mean the same in neighbourhoods, was "
        f"fitted to {count(full['patients'])} training patients, {count(full['events'])} with the event{at}.{left_out} "
        "It was applied to the same features of every voxel's neighbourhood."
    )


def _unit(results):
    return results.config["outcome"]["unit"]


def machine_table(results, name):
    """The machine of all and those of the folds: patients, features, AUC among patients held out of each."""
    rows = [
        [each["name"], count(each["patients"]), count(each["events"]), count(len(each["features"])),
         number(each["auc_held_out"])]
        for each in results.nested[name]["artifact"]["models"]
    ]  # fmt: skip
    header = ["Machine", "Patients", "With event", "Features", "AUC held out"]
    note = "Whole tumours, by machines fitted without the patient, selection included: near 0.5 a map means nothing."
    return table("Machines", header, rows, note=note, folded=True)


def scale_table(results, name):
    """Selected features with their means and spreads in tumours and in neighbourhoods."""
    scales = results.nested[name]["scales"]
    rows = [
        [feature_label(row.feature), *(significant(value, 3) for value in (
            row.tumour_mean, row.tumour_sd, row.voxel_mean, row.voxel_sd, row.shift, row.ratio, row.transfer))]
        for row in scales.itertuples()
    ]  # fmt: skip
    header = [
        "Feature",
        "Tumours: mean",
        "SD",
        "Neighbourhoods: mean",
        "SD",
        "Shift (SD of tumours)",
        "Ratio of SD",
        "Transfer (r)",
    ]
    note = (
        "In training patients. Where shift is far from 0 or the ratio far from 1, the tumours' scale does not fit "
        "neighbourhoods: these are standardised by their own. Transfer: correlation, over tumours, of the feature with "
        "the mean of its local counterpart."
    )
    download = stored(results.files["nested"][name]["scales"], f"scales_{name}.csv")
    return table("Scale of tumours and of neighbourhoods", header, rows, note=note, download=download)


def share_table(results, name):
    """Share of the tumour of every subregion."""
    artifact, shares = (results.nested[name][part] for part in ("artifact", "shares"))
    rows = []
    for position, word in enumerate(artifact["names"], start=1):
        share = shares[f"habitat{position}"]
        low, middle, high = (percent(round(100 * share.quantile(at)) / 100) for at in (0.25, 0.5, 0.75))
        rows.append([f"{name}{position}", word, count(int((share > 0).sum())), f"{middle} ({low} to {high})"])
    whole = int((shares[f"habitat{artifact['k']}"] == 1).sum())
    note = (
        f"Shares are median (first to third quartile) over {count(len(shares))} patients. A subregion below "
        f"{percent(artifact['min_fraction'])} of the tumour was joined to the nearest in probability; in "
        f"{count(whole) if whole else 'none'} the whole tumour is the microregion."
    )
    download = stored(results.files["nested"][name]["shares"], f"shares_{name}.csv")
    return table(
        "Subregions", ["Region", "Name", "Patients", "Share of the tumour"], rows, note=note, download=download
    )


def planted_table(results, name):
    """Agreement with the planted subregion of the demo cohort; None for patients."""
    planted = results.nested[name].get("planted")
    if planted is None:
        return None
    planted = planted.sort_values("cohort", key=lambda column: column.map(list(COHORTS).index))
    rows = [
        [
            COHORTS[row.cohort],
            count(row.patients),
            f"{number(row.dice)} ({number(row.dice_low)} to {number(row.dice_high)})",
            number(row.dice_whole_tumour),
        ]
        for row in planted.itertuples()
    ]
    header = ["Cohort", "Patients", "Dice", "Dice of the whole tumour"]
    note = "Median (first to third quartile) of the most active microregion with the planted aggressive subregion."
    download = stored(results.files["nested"][name]["planted"], f"planted_{name}.csv")
    return table("Planted truth", header, rows, note=note, download=download)


def _figures(results, name, label, captions):
    files = results.files["figures"]["nested"][name]
    fractions = figure(
        files["fractions"], alt=f"{label}: shares of the tumour by outcome.", caption=captions("habitats_fractions"),
        file_name=f"fractions_{name}.svg",
    )  # fmt: skip
    return [*_galleries(files, name, label, captions), fractions]


def _galleries(files, name, label, captions):
    """Maps of some patients, those of all on pages, and their subregions."""
    maps = [
        figure(path, alt=f"Probability map of patient {patient}.", file_name=f"{name}_map_{patient}.png")
        for patient, path in files["maps"].items()
    ]
    pages = [
        figure(path, alt=f"Probability maps, page {page}.", file_name=f"{name}_maps{page}.png")
        for page, path in enumerate(files["pages"], start=1)
    ]
    subregions = [
        figure(path, alt=f"{label}, page {page}.", file_name=f"{name}_montage{page}.png")
        for page, path in enumerate(files["montage"], start=1)
    ]
    return [
        gallery(maps, caption=captions("nested_map"), wide=True),
        gallery(pages, caption=captions("nested_montage"), wide=True),
        gallery(subregions, caption=captions("habitats_montage")),
    ]
