import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import yaml

SCRIPTS = Path(os.path.relpath(workflow.basedir)) / "scripts"
sys.path.insert(0, str(Path(workflow.basedir, "scripts")))

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from habitat_radiomics import booster_extra, deep_settings, nested_settings, review_settings, settings
from habitat_radiomics.bundle import with_bundle
from habitat_radiomics.code_files import code_hashes, file_sha256
from habitat_radiomics.config import members_of, signature_steps
from habitat_radiomics.faults import StudyFault
from habitat_radiomics.habitat_sets import all_sets, region_names
from habitat_radiomics.kernels import compile_missing
from habitat_radiomics.state import FileFacts, as_json, write_if_changed
from habitat_radiomics.study import checked_config, load_study
import planning
import progress_line

# Every job finds this interpreter as `python`, wherever it runs, and computes on the threads it was given.
os.environ.update(PATH=os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")]))
os.environ.update({f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA")})
os.environ.update(PYTHONHASHSEED="0", MPLBACKEND="Agg")

planning.prepare()

if not workflow.config_settings.configfiles:

    configfile: Path(workflow.basedir, "config", "config.yaml")


def stop(fault):
    raise WorkflowError(str(fault))


try:
    CONFIG = checked_config(
        with_bundle(config, objects=workflow.is_main_process),
        yaml.safe_load(Path(workflow.basedir, "workflow/schemas/config.schema.yaml").read_text()),
    )
except StudyFault as fault:
    stop(fault)

RESULTS = f"results/{CONFIG['study']}"
STATE = f"{RESULTS}/state"
# Another run that holds the folder reads these files; `--unlock` is how a folder is freed after a crash.
IN_USE = any(Path(".snakemake/locks").glob("*")) and "--unlock" not in sys.argv
OUTCOME_TYPE = CONFIG["outcome"]["type"]
OF_TIME = OUTCOME_TYPE == "survival"
HARMONISES = settings.harmonises(CONFIG)
IS_DEMO = CONFIG["data"]["source"] == "demo"
DATA = f"{RESULTS}/demo" if IS_DEMO else CONFIG["data"]["folder"]
TABLES = f"{RESULTS}/tables" if IS_DEMO or CONFIG["data"]["prepare"] else DATA
FACTS = FileFacts(f"{STATE}/source_files.json")

if IS_DEMO and workflow.is_main_process:
    for name, table in settings.demo_tables(CONFIG).items():
        write_if_changed(f"{TABLES}/{name}.tsv", table)
elif CONFIG["data"]["prepare"] and workflow.is_main_process:
    subprocess.run([sys.executable, CONFIG["data"]["prepare"], DATA, TABLES], check=True)

try:
    check_files = None if IS_DEMO or not workflow.is_main_process else settings.file_checker(CONFIG, FACTS)
    STUDY = load_study(CONFIG, tables=TABLES, folder=DATA, check_files=check_files)
except StudyFault as fault:
    stop(fault)

if workflow.is_main_process and not workflow.output_settings.dryrun:
    progress_line.follow(logger, workflow)

PATIENTS = list(STUDY.patients)
SEQUENCES = STUDY.sequences


wildcard_constraints:
    patient=r"[A-Za-z0-9][A-Za-z0-9_.-]*",
    sequence=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    reading=r"reader[A-Za-z0-9_-]+",
    habitats=r"[A-Za-z][A-Za-z0-9_-]*",
    signature=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    model=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    chunk=r"\d+of\d+",
    part="training|validation",
    cohort="train|train_cv|internal|external",


def code(script):
    """The script of a rule, and the hashes of every library file it reaches: editing one reruns the rule's jobs."""
    path = SCRIPTS / f"{script}.py"
    return [ancient(str(path)), state(f"code/{script}", code_hashes(path))]


def state(name, value):
    """A JSON file with exactly what a step depends on; its content decides what runs again."""
    return written(f"{STATE}/{name}.json", lambda: as_json(value))


def table(name, rows):
    """A CSV file with exactly the columns of the sheet that a step depends on."""
    return written(f"{RESULTS}/cohort/{name}.csv", lambda: settings.csv_text(rows))


WRITTEN = set()


def written(path, text):
    """A file that the main process brings up to date while it reads the rules."""
    WRITTEN.add(path)
    try:
        if workflow.is_main_process:
            write_if_changed(path, text(), earlier=f"{STATE}/earlier", may_change=refuse_while_in_use)
    except OSError as error:
        stop(
            f"{path} cannot be written: {error.strerror}. Results go below results/; it must be a folder you may write."
        )
    return path


def refuse_while_in_use(path):
    """A job that runs now would be recorded as if it had read the new file."""
    if IN_USE:
        stop(
            f"{path} would change, but another run is using this folder. Wait until it has ended. If it was killed,"
            " free the folder with `snakemake --unlock` and the same --configfile, then start again."
        )


def source(path):
    """An image or mask as input. What the user brings counts by its hash (in the scan's state), not by its date."""
    return path if IS_DEMO else ancient(path)


def hash_of(path):
    return None if IS_DEMO or not workflow.is_main_process else FACTS.sha256(path)


def scaled(amount):
    """Memory or minutes of a step: what it was given, times the attempt, because a cluster job that wanted more is repeated."""
    return lambda wildcards, attempt: attempt * amount
