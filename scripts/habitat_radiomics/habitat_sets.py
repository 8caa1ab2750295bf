"""Names of sets of habitats and of their regions, as data, so that a configuration is checked before any job starts."""

import re

FEWEST_STABILITY_PATIENTS = 5


def all_sets(config):
    """Return the sets of habitats and the nested ones by name: from extraction on they are treated alike."""
    return {**config["habitats"], **config["nested"]}


def is_region(region, asked):
    """Whether a region is the one asked for; ``NAME*`` asks for every habitat of set NAME (8 at most)."""
    return bool(re.fullmatch(re.escape(asked[:-1]) + "[1-8]", region)) if asked.endswith("*") else region == asked


def region_names(sets, asked):
    """Return those of the names asked for that may be habitats of the sets: NAME* or NAME with a digit."""
    return [name for name in asked if name[:-1] in sets and name[-1] in "*12345678"]


def habitat_faults(config):
    """Faults of the sets of habitats that the schema cannot see.

    Parameters
    ----------
    config : dict
        Complete configuration.

    Returns
    -------
    list of str
    """
    faults, sets = [], all_sets(config)
    taken = [*config["regions"]["names"], *sets]
    for name, chosen in sets.items():
        where = f"{'nested' if name in config['nested'] else 'habitats'}.{name}"
        if len(chosen["sequences"]) > 1 and not config["reference"]:
            faults.append(
                f"config: {where} joins {', '.join(chosen['sequences'])}, which have a grid each. Set "
                "reference to the sequence that carries the masks, or make one set per sequence."
            )
        if chosen.get("k_range") and chosen["k_range"][0] > chosen["k_range"][1]:
            faults.append(f"config: {where}.k_range is {chosen['k_range']}; the smaller number comes first.")
        clash = next((other for other in taken if region_names([name], [other])), None)
        if name in config["regions"]["names"] or clash:
            faults.append(f"config: {where} would share a name with {clash or 'a region'}. Rename the set.")
    faults += [
        f"config: {name} is a set of habitats and a nested one. Rename one of them."
        for name in config["habitats"]
        if name in config["nested"]
    ]
    return faults + [
        fault for name, chosen in config["signatures"].items() for fault in _signature_faults(name, chosen, config)
    ]


def _signature_faults(name, signature, config):
    """Habitats of other sequences, agreement of readers asked of habitats alone, stability of no or few habitats."""
    sets, sequences = all_sets(config), signature.get("sequences", config["sequences"])
    asked = region_names(list(sets), signature["regions"])
    owned = {region: sets[region[:-1]]["sequences"] for region in asked}
    faults = [
        f"config: signatures.{name} asks for {region}, but {', '.join(own)} is none of its sequences. Add it to "
        f"signatures.{name}.sequences."
        for region, own in owned.items()
        if not set(own) & set(sequences)
    ]
    if len(asked) == len(signature["regions"]) and any("icc" in step for step in signature["steps"]):
        faults.append(
            f"config: signatures.{name} selects habitats by icc, but readers do not draw habitats. Remove the icc step."
        )
    return faults + (
        _stability_faults(name, owned, sets) if any("stable" in step for step in signature["steps"]) else []
    )


def _stability_faults(name, regions, sets):
    if not regions:
        return [f"config: signatures.{name} selects by stable, but none of its regions is a habitat. Remove the step."]
    nested = [region for region in regions if "stability_patients" not in sets[region[:-1]]]
    if nested:
        return [
            f"config: signatures.{name} selects {nested[0]} by stable, but the stability of nested habitats is not "
            "measured. Remove the step."
        ]
    few = {region[:-1]: sets[region[:-1]]["stability_patients"] for region in regions}
    return [
        f"config: signatures.{name} selects by stable, but habitats.{own}.stability_patients is {patients}; at least "
        f"{FEWEST_STABILITY_PATIENTS} are needed for a correlation. Raise it."
        for own, patients in few.items()
        if patients < FEWEST_STABILITY_PATIENTS
    ]
