"""Answers to checklist items on data, code and models that could be shared."""

from habitat_radiomics.checklist_answers import Answer, has_images, headline_files
from habitat_radiomics.labels import count

NOMOGRAM_PAGE = "report/nomogram.html"


def adherence(results):
    """The three lists were filled by the workflow."""
    text = "CLEAR, METRICS and TRIPOD+AI were filled from the results as far as these know the answer."
    return Answer(text, (), "checklists")


def data_source(results):
    """Where the workflow took patients from; None where only the authors know."""
    if results.config["data"]["source"] != "demo":
        return None
    return Answer("The patients are simulated by the workflow.", (results.files["patients"],), "provenance")


def feature_data(results):
    """Tables of scores and selected features that are ready to be shared."""
    n = len(results.signatures)
    text = f"Ready to be shared: coefficients and scores of every signature ({count(n)})."
    return Answer(text, (*headline_files(results, "coefficients"), *headline_files(results, "scores")), "signatures")


def settings_shared(results):
    """The complete settings that ran."""
    if not results.provenance:
        return None
    kind = "pre-processing and extraction" if has_images(results) else "the analysis"
    return Answer(f"All settings of {kind} are stored as they ran.", (results.files.get("provenance"),), "provenance")


def code_shared(results):
    """The commit of the code that ran; None where nothing was recorded."""
    if not results.provenance:
        return None
    commit, changed = results.provenance["commit"], results.provenance["modified"]
    state = f"commit {commit}{' with local changes' if changed else ''}" if commit else "commit not recorded"
    text = (
        f"Habitat Radiomics, {state}; versions of {count(len(results.provenance['versions']))} packages are recorded."
    )
    return Answer(text, (results.files.get("provenance"),), "provenance")


def model_files(results):
    """The bundle or, without one, the fitted objects, with checksums; None where none was recorded."""
    recorded, bundle = results.provenance.get("results", {}), results.files.get("bundle")
    if bundle in recorded:
        text = f"One file holds everything learnt, without code (skops, JSON), SHA-256 {recorded[bundle]}."
        return Answer(text, (bundle,), "provenance")
    fitted = {path: digest for path, digest in recorded.items() if path.endswith(".skops")}
    own = {path: digest for path, digest in fitted.items() if f"/train/{results.headline}/" in path}
    if not own:
        return None
    digests = ", ".join(own.values())
    text = f"{count(len(fitted))} fitted objects are stored without code (skops); headline model: SHA-256 {digests}."
    return Answer(text, tuple(own), "provenance")


def ready_system(results):
    """The page of the nomogram and the bundle; None where there is neither."""
    points, bundle = results.statistics["points"], results.files.get("bundle")
    parts = [] if points is None else [f"A page that works offline reads the risk from the nomogram ({NOMOGRAM_PAGE})."]
    parts += ["The bundle predicts new patients from images and masks (make apply)."] if bundle else []
    if not parts:
        return None
    return Answer(
        " ".join(parts), (results.files.get("points"), bundle), "provenance" if points is None else "nomogram"
    )


def user_input(results):
    """What a user has to bring."""
    given = "images with drawn masks" if has_images(results) else "the features"
    clinical = " and the clinical variables" if results.config["models"][results.headline]["clinical"] else ""
    return Answer(f"Users bring {given}{clinical}.")
