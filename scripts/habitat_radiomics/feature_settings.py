"""A configuration whose features are given in tables: what belongs to it and what cannot, as plain data."""


def feature_table_faults(config):
    """Faults of a configuration between ``data.source``, ``data.features`` and what needs images."""
    given, source = config["data"]["features"], config["data"]["source"]
    if source != "features":
        said = "config: data.features names tables, but data.source is {}. Set it to features, or remove data.features."
        return [said.format(source)] if given else []
    lacking = [name for name in config["sequences"] if not given.get(name)]
    faults = [
        f"config: data.features has no table for sequence {name}. Add one for each of its regions, or remove it."
        for name in lacking
    ]
    faults += [
        f"config: data.features names sequence {name}, which is not among sequences: {', '.join(config['sequences'])}."
        for name in given
        if name not in config["sequences"]
    ]
    if config["habitats"]:
        faults.append("config: habitats are made from images, and data.source is features. Remove habitats.")
    asking = [n for n, s in config["signatures"].items() for step in s["steps"] if {"icc", "stable"} & set(step)]
    if asking:
        faults.append(
            f"config: signatures {', '.join(dict.fromkeys(asking))} select by icc or stable, which need several "
            "readings of images, and data.source is features. Remove these steps."
        )
    if not config["outcome"]["column"] and not config["outcome"]["event"]:
        faults.append("config: data.source is features, and there is no outcome: nothing is left to do. Name one.")
    return faults


def given_regions(config):
    """Return the regions that tables of features are given for, in their order."""
    return list(dict.fromkeys(region for regions in config["data"]["features"].values() for region in regions))
