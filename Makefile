# make demo: set up, then run the whole study on the embedded cohort.  make test: set up, then pass the tests.
PYTHON ?= python3
VENV   ?= .venv
CORES  ?= $(shell nproc)
BIN    := $(VENV)/bin
SHIM   := $(CURDIR)/envs/build-shim
CONFIG := $(if $(STUDY),--configfile $(STUDY))
PIP    := PYTHONPATH="$(SHIM)" $(BIN)/python -m pip --quiet --disable-pip-version-check install --require-hashes

.PHONY: demo import apply viewer changes cost slurm deep boosting test test-slurm test-deep test-boosting bench check docs lock clean help

help:
	@sed -n 's/^# \{0,1\}//p;/^[a-z-]*:.*##/s/:.*## /\t/p' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.complete ## run the complete study on the embedded demo cohort
	@$(BIN)/snakemake --cores $(CORES) --quiet host reason rules

import: $(VENV)/.complete-import ## files and tables of a study from DICOM=folder or BIDS=folder into OUT=folder (MAP=sequences.yaml KEY=names.tsv ARGS=...)
	@test -n "$(DICOM)$(BIDS)" -a -n "$(OUT)" || { echo "make import DICOM=folder OUT=folder, or make import BIDS=folder OUT=folder"; exit 2; }
	@$(BIN)/python scripts/$(if $(BIDS),import_bids.py "$(BIDS)",import_dicom.py "$(DICOM)") "$(OUT)" $(if $(MAP),--map "$(MAP)") $(if $(KEY),--key "$(KEY)") $(ARGS)

apply: $(VENV)/.complete ## predict new patients by the models of a study (BUNDLE=... PATIENTS=... IMAGES=... OUT=name)
	@$(BIN)/python scripts/apply_bundle.py --bundle "$(BUNDLE)" --patients "$(PATIENTS)" --images "$(IMAGES)" \
	  $(if $(OUT),--out "$(OUT)") --cores $(CORES) --quiet host reason rules

viewer: $(VENV)/.complete envs/viewer/niivue.umd.js ## after a run: a page to scroll one patient's volumes (PATIENT=P001 STUDY=config/studies/....yaml)
	@test -n "$(PATIENT)" || { echo "make viewer PATIENT=P001"; exit 2; }
	@$(BIN)/python scripts/write_viewer.py --patient "$(PATIENT)" $(if $(STUDY),--study "$(STUDY)")

envs/viewer/niivue.umd.js: envs/viewer.json | $(VENV)/.complete
	@$(BIN)/python envs/fetch_viewer.py $< $@

changes: $(VENV)/.complete ## say what would run and why, by patient and step (STUDY=config/studies/....yaml); nothing runs
	@$(BIN)/python scripts/list_changes.py $(CONFIG)

cost: $(VENV)/.complete ## what it will cost: jobs, core hours, memory, disk (STUDY=..., CORES=...); nothing runs
	@$(BIN)/python scripts/estimate_cost.py --cores $(CORES) $(CONFIG)

slurm: $(VENV)/.complete-slurm ## submit a study to SLURM and see it through (STUDY=config/studies/....yaml PATIENTS_PER_JOB=10 ARGS="--profile mysite")
	@$(BIN)/python scripts/run_on_slurm.py $(if $(PATIENTS_PER_JOB),--patients-per-job $(PATIENTS_PER_JOB)) $(CONFIG) $(ARGS)

deep: $(VENV)/.complete-deep ## add what deep features need (60 MB; a pretrained network, CPU only)

boosting: $(VENV)/.complete-boosting ## add XGBoost and LightGBM as classifiers (10 MB, CPU only)

$(VENV)/.complete: envs/build.txt envs/requirements.txt
	@$(PYTHON) envs/check_system.py
	@echo "Installing the pinned environment into $(VENV) (about two minutes, once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) -r envs/build.txt
	@$(PIP) --no-build-isolation -r envs/requirements.txt
	@$(BIN)/python -m compileall -q $(VENV)/lib >/dev/null 2>&1 || true
	@$(BIN)/python scripts/compile_kernels.py
	@touch $@

$(VENV)/.complete-import: $(VENV)/.complete envs/import.txt
	@$(PIP) -r envs/import.txt
	@touch $@

$(VENV)/.complete-dev: $(VENV)/.complete-import envs/dev.txt
	@$(PIP) -r envs/dev.txt
	@touch $@

$(VENV)/.complete-slurm: $(VENV)/.complete envs/slurm.txt
	@$(PIP) -r envs/slurm.txt
	@$(BIN)/python -m compileall -q $(VENV)/lib >/dev/null 2>&1 || true
	@touch $@

$(VENV)/.complete-boosting: $(VENV)/.complete envs/boosting.txt
	@$(PIP) -r envs/boosting.txt
	@touch $@

$(VENV)/.complete-deep: $(VENV)/.complete envs/deep.txt
	@$(PIP) -r envs/deep.txt
	@$(BIN)/python -m compileall -q $(VENV)/lib >/dev/null 2>&1 || true
	@touch $@

tests/cache/pyradiomics: | $(VENV)/.complete
	$(BIN)/python envs/unpack_test_images.py $@

test: $(VENV)/.complete-dev check tests/cache/pyradiomics ## set up and pass every test
	-@$(MAKE) --no-print-directory envs/viewer/niivue.umd.js # its test says so where npm or the network is missing
	$(BIN)/python scripts/compile_kernels.py
	$(BIN)/python -m pytest -n $(CORES) tests/unit
	$(BIN)/python -m pytest tests/workflow

test-slurm: $(VENV)/.complete-slurm $(VENV)/.complete-dev ## start a SLURM on this machine, pass its tests, stop it (FULL=1: with the whole demo study)
	HABITAT_SLURM_STUDY=$(if $(FULL),demo,small) $(BIN)/python -m pytest tests/slurm

test-deep: $(VENV)/.complete-deep $(VENV)/.complete-dev ## install the extra for deep features and pass its tests
	$(BIN)/python scripts/compile_kernels.py
	$(BIN)/python -m pytest tests/deep

test-boosting: $(VENV)/.complete-boosting $(VENV)/.complete-dev ## install XGBoost and LightGBM and pass the tests of the classifiers
	$(BIN)/python -m pytest tests/unit/test_classifiers.py tests/unit/test_model.py -k "xgboost or lightgbm or every_estimator"

bench: $(VENV)/.complete ## every step beside the library as used, one table: benchmarks/results/<date>.md (ROWS="n4 lasso": some, printed)
	@$(BIN)/python benchmarks/run.py $(ROWS)

check: $(VENV)/.complete-dev ## formatting and lint
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

docs: $(VENV)/.complete ## rewrite config/README.md from the schema
	$(BIN)/python scripts/write_config_reference.py

lock: ## recompile the pinned requirements (needs uv)
	for set in requirements build dev slurm import deep boosting; do uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate envs/$$set.in --output-file envs/$$set.txt || exit 1; done
	$(BIN)/python envs/write_conda.py

clean: ## remove results and the environment
	rm -rf $(VENV) .snakemake results/*/
