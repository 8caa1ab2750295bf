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
    """Fitted objects with their checksums; None where none was recorded."""
    recorded = results.provenance.get("results", {})
    fitted = {path: digest for path, digest in recorded.items() if path.endswith(".skops")}
    if not fitted:
        return None
    head = f"/train/{results.headline}/"
    own = {path: digest for path, digest in fitted.items() if head in path}
    digests = "".join(f" Headline model: SHA-256 {digest}." for digest in own.values())
    text = f"{count(len(fitted))} fitted objects are stored without code (skops).{digests}"
    return Answer(text, tuple(own) or tuple(fitted), "provenance")


def ready_system(results):
    """The page of the nomogram; None where there is none."""
    if results.statistics["points"] is None:
        return None
    text = f"A page that works offline calculates the risk from the nomogram ({NOMOGRAM_PAGE})."
    return Answer(text, (results.files["points"],), "nomogram")


def user_input(results):
    """What a user has to bring."""
    given = "images with drawn masks" if has_images(results) else "the features"
    clinical = " and the clinical variables" if results.config["models"][results.headline]["clinical"] else ""
    return Answer(f"Users bring {given}{clinical}.")
