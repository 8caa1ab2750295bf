"""What numba compiles is compiled once."""

import os
import subprocess
import sys
from pathlib import Path

from habitat_radiomics import kernels

SCRIPTS = Path(kernels.__file__).parents[1]


def test_every_module_of_kernels_has_a_compiler():
    modules = {file.stem for file in kernels.PACKAGE.glob("*.py") if "\n@compiled\n" in file.read_text()}
    assert modules == set(kernels.COMPILERS)


def test_compiling_is_noted_until_a_source_changes(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(kernels, "PACKAGE", tmp_path)
    monkeypatch.setattr(kernels, "COMPILERS", {"some_kernel": (lambda: calls.append("some"),)})
    (tmp_path / "some_kernel.py").write_text("x = 1\n")
    assert not kernels.are_compiled()
    kernels.compile_all()
    assert calls == ["some"]
    assert kernels.are_compiled()
    os.utime(tmp_path / "some_kernel.py", ns=(1, 1))  # as a checkout does; numba no longer takes what it compiled
    assert not kernels.are_compiled()


def test_where_nothing_can_be_noted_nothing_is_compiled(tmp_path, monkeypatch):
    monkeypatch.setattr(kernels.os, "access", lambda *_: False)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert kernels.are_compiled()


def test_asking_costs_no_import_of_numba():
    code = "import sys; from habitat_radiomics.kernels import are_compiled; are_compiled()"
    code += "; print([m for m in ('numba', 'numpy', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
