# The short way to everything; each target sets up its environment first.
# From nothing it needs make, Python 3.11 or newer with venv and pip, and the package index.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
CORES ?= all
VENV := .venv
BIN := $(VENV)/bin
SNAKEMAKE := $(BIN)/snakemake --cores $(CORES)
STAMP := $(VENV)/.stamp
SMOKE := --configfile config/smoke.yaml
LOCK := $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header

# Hundreds of short jobs import torch: compiling it each time would take longer than what they do.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup setup-slurm demo smoke smoke-faces test test-robust test-slurm bench pretrain lint lock clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## create or update the environment in .venv, exactly as locked

$(STAMP): requirements.lock requirements-uv.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements-uv.lock
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

# An environment of its own: the plugin would slow every call where SLURM is installed, but down.
setup-slurm: ## the same environment in .venv-slurm, with the plugin for clusters
	$(MAKE) setup VENV=.venv-slurm
	.venv-slurm/bin/uv pip install --quiet --python .venv-slurm/bin/python --no-build-isolation \
		--constraint requirements.lock --editable ".[slurm]"

demo: setup ## the whole workflow on two CPU cores, then results/report.html
	$(SNAKEMAKE)
	$(SNAKEMAKE) --report results/report.html
	@echo "Open results/report.html"

smoke: setup ## the same workflow with tiny counts, in results/smoke
	$(SNAKEMAKE) $(SMOKE)
	$(SNAKEMAKE) $(SMOKE) --report results/smoke/report.html

smoke-faces: setup ## the same on photographic faces, in results/smoke_faces
	$(SNAKEMAKE) --configfile config/faces64.yaml config/smoke.yaml --config results=results/smoke_faces

test: setup ## run the tests
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder

test-robust: setup ## whole runs killed 20 times, on a full disk, on one core, on real sizes (hours)
	$(BIN)/python -m pytest tests/robust -s

test-slurm: setup-slurm ## run the tests on a one-node SLURM that they install; as root, takes long
	.venv-slurm/bin/python -m pytest tests/slurm

bench: setup ## time every stage beside a plain reference; rows go to results/benchmarks.csv
	$(BIN)/python -m benchmarks

lint: setup ## check style of Python and Snakefiles, and the workflow
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check .
	$(BIN)/snakemake --lint

pretrain: setup ## make the weights of faces64 anew, from published packages (hours)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements-pretrain.lock
	$(SNAKEMAKE) --configfile config/faces64.yaml -- pretrain

lock: setup ## choose the newest versions that pyproject.toml allows, and the newest uv
	$(LOCK) --extra test --output-file requirements.lock pyproject.toml
	echo uv | $(LOCK) --output-file requirements-uv.lock -
	$(LOCK) --extra pretrain --constraint requirements.lock --output-file requirements-pretrain.lock pyproject.toml
	! grep -n http requirements.lock requirements-uv.lock requirements-pretrain.lock

clean: ## delete results and caches; keeps the environment
	rm -rf results .snakemake .pytest_cache .ruff_cache .hypothesis build *.egg-info
