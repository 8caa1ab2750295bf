"""The code keeps to its own rules: short functions, light imports for image jobs, no file that takes everything."""

import ast
import subprocess
import sys
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*ROOT.glob("scripts/*.py"), *ROOT.glob("scripts/habitat_radiomics/*.py")])


def body_lines(function):
    """Number of lines of a function without its docstring."""
    first = function.body[0]
    documented = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    start = first.end_lineno if documented else function.lineno
    return function.end_lineno - start


def functions():
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                yield f"{file.name}:{node.name}", body_lines(node)


def test_functions_are_short():
    lengths = dict(functions())
    assert median(lengths.values()) <= 10
    assert {name: n for name, n in lengths.items() if n > 60} == {}


def test_common_rules_stay_small():
    assert len((ROOT / "workflow/rules/common.smk").read_text().splitlines()) < 150
    assert len((ROOT / "Snakefile").read_text().splitlines()) < 60


def test_image_jobs_import_no_statistics():
    code = "import sys; sys.path.insert(0, 'scripts')\n"
    code += "\n".join(
        f"import habitat_radiomics.{m}"
        for m in ("preprocess", "extraction", "regions", "readings", "entry", "review_scan", "review_page")
    )
    code += "\nprint([m for m in ('pandas', 'sklearn', 'matplotlib', 'scipy.stats', 'numba') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_file_names_a_registry_or_this_machine():
    words = ["pypi" + ".org", "files.python" + "hosted", "registry." + "npmjs", "deb.debian" + ".org", "/wo" + "rk/"]
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    for name in tracked.stdout.split():
        if tracked.returncode == 0 and (ROOT / name).suffix not in (".png", ".csv", ".gz"):
            content = (ROOT / name).read_text(encoding="utf-8")
            assert not [word for word in words if word in content], name
