# Every target is a thin line over Snakemake or pytest, printed as it runs.
# Options for Snakemake go in ARGS:  make reproduce ARGS="-n"
# A run shows how far it is. Snakemake's own log instead:  make V=1
# A local folder with the four data files goes in MNIST_DIR:  make reproduce MNIST_DIR=folder

PYTHON ?= python3
CORES  ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
ARGS   ?=
BIN    := .venv/bin
# scripts/shown.py shows the run, unless V or an option in ARGS asks for what Snakemake shows.
SNAKE   = $(if $(V),,MIRAGE_SHOWN="make $@" )$(BIN)/snakemake --cores $(CORES)
# TensorFlow has wheels for these; uv takes the first fitting interpreter it finds.
VERSIONS := >=3.11,<3.14
# uv from PATH where there is one, else our own copy in .tools.
UV     := $(or $(shell command -v uv 2>/dev/null),.tools/bin/uv)
key     = $(shell sed -n 's/^$(1): *//p' config.yaml)
RESULTS = results/$(or $(call key,folder),$(call key,dataset))
# After a run: the report, and the short table with the report's place (rules/report.smk).
REPORT := --report --report-after-run
# An environment variable reaches the download rule whether it was exported or given to make.
export MNIST_DIR
# What is set for another Python or another Keras reaches none of ours (scripts/isolation.py says more
# of jobs), nor do packages in the home folder. Text is UTF-8, whatever the locale.
$(foreach name,$(filter PYTHON% KERAS_%,$(.VARIABLES)),$(eval unexport $(name)))
export override PYTHONNOUSERSITE := 1
export override PYTHONUTF8       := 1
# What keeps a cache in the home folder, does so here where none can be written there.
ifeq ($(shell exec 2>/dev/null; cache="$${XDG_CACHE_HOME:-$${HOME:?}/.cache}"; \
    mkdir -p "$$cache" && test -w "$$cache" && echo yes),)
export XDG_CACHE_HOME := $(CURDIR)/.tools/cache
endif

.DEFAULT_GOAL := quick
.PHONY: quick tour reproduce test test-all test-limited peers kills lint report bench container push cluster-test audit vulnerabilities crate lock clean help

quick: .venv/runtime  ## The main job on the embedded digits: tables, figures and a report in minutes (default)
	$(SNAKE) --configfile config/quick.yaml $(REPORT) $(ARGS)

tour: .venv/runtime  ## All five sources on the embedded digits: every table, figure and claim
	$(SNAKE) --configfile config/tour.yaml $(REPORT) $(ARGS)

reproduce: .venv/runtime  ## The published protocol on MNIST (config.yaml), downloaded or from MNIST_DIR
	$(SNAKE) $(REPORT) $(ARGS)

report: .venv/runtime  ## The HTML report of what `make reproduce` has made so far
	MIRAGE_REPORT_ONLY=1 $(SNAKE) $(REPORT) $(ARGS)

audit: .venv/runtime  ## Is a model robust, or its gradient masked? MODEL=FILE DATA=FILE ARGS="--epsilon .1 .2"
	$(BIN)/python scripts/mirage audit "$(or $(MODEL),$(error name both: make audit MODEL=FILE DATA=FILE))" \
	    "$(or $(DATA),$(error name both: make audit MODEL=FILE DATA=FILE))" --output results/audit $(ARGS)

# Two processes test, each a file at a time. Lines count where a test calls the library itself: what
# runs as a job does not, since measuring Snakemake too would take twice as long.
PYTEST := $(BIN)/pytest -n 2 --dist loadfile --cov --durations 10
test: .venv/dev  ## The tests of every part, in minutes
	$(PYTEST) -m "not thorough" $(ARGS)

test-all: .venv/dev .tools/crate/done  ## All tests, the thorough ones too (half an hour; root, Chromium and MNIST_DIR help)
	$(PYTEST) $(ARGS)

# All of it with the least, whose rounding is the furthest from that of a processor of today; and
# with AVX2 what `make test` has.
LIMITED := $(BIN)/python tests/helpers/limited.py
test-limited: .venv/dev .venv/peers  ## What computes, with the instructions of older processors: AVX2, and AVX alone
	$(LIMITED) avx2 tests/compute tests/peers -m "not thorough" $(ARGS)
	$(LIMITED) avx tests/compute tests/peers $(ARGS)

peers: .venv/peers  ## Cross-checks against ART and Foolbox, in a dependency group of their own
	$(BIN)/pytest tests/peers $(ARGS)

kills: .venv/runtime  ## Kill runs at random moments, go on, compare (ARGS="--kills 50 --seed 1", 10-20 minutes)
	$(BIN)/python tests/faults/kills.py $(ARGS)

lint: .venv/dev  ## ruff, snakefmt and snakemake --lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules workflow
	$(BIN)/snakemake --lint

bench: .venv/bench  ## Speed and memory against Keras, ART, Foolbox, CleverHans and the limit (an hour or less)
	$(BIN)/python -m benchmarks $(ARGS)

# The image's name changes with the locks: Snakemake takes an image of the same name for the same.
IMAGE  := $(shell cut -d ' ' -f 1 envs/image.txt)
container:  ## The image with the locked dependencies, for --sdm apptainer; CUDA=1 for NVIDIA GPUs
	apptainer build $(if $(CUDA),--build-arg lock=requirements-cuda.txt) $(ARGS) $(IMAGE) Singularity.def

# From there jobs take it where MIRAGE_REGISTRY has the same address (docs/cluster.md).
push:  ## The image to a registry, REGISTRY=oras://HOST/OWNER/mirage, its digest into envs/image.txt
	apptainer push $(ARGS) $(IMAGE) $(REGISTRY):$(IMAGE:mirage-%.sif=%)
	$(PYTHON) envs/digest.py $(IMAGE)

cluster-test: .venv/dev .venv/cluster  ## The container and the faults, on a SLURM of three nodes brought up here
	IMAGE=$(IMAGE) tests/cluster/run.sh $(ARGS)

vulnerabilities: .tools/vulnerabilities/done  ## Of the locked dependencies; needs PyPI's or OSV's records
	.tools/vulnerabilities/bin/python envs/vulnerabilities.py $(ARGS)

crate: .tools/crate/done  ## The results of the published protocol as a Workflow Run RO-Crate, to publish
	.tools/crate/bin/python scripts/crate.py $(RESULTS) $(ARGS)

COMPILE = $(UV) pip compile -q --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
    --custom-compile-command "make lock" $(ARGS)
lock: $(UV)  ## Compile the hashed requirements in envs/ anew from pyproject.toml
	$(COMPILE) pyproject.toml -o envs/requirements.txt
	$(COMPILE) pyproject.toml --extra dev -o envs/requirements-dev.txt
	$(COMPILE) pyproject.toml --extra dev --extra peers -c envs/requirements-dev.txt -o envs/requirements-peers.txt
	$(COMPILE) pyproject.toml --extra bench -c envs/requirements-peers.txt -o envs/requirements-bench.txt
	$(COMPILE) pyproject.toml --extra cluster -c envs/requirements.txt -o envs/requirements-cluster.txt
	$(COMPILE) pyproject.toml --extra cuda -c envs/requirements.txt --no-emit-package tensorflow-cpu \
	    -o envs/requirements-cuda.txt
	for group in vulnerabilities crate; do $(COMPILE) --group $$group -o envs/requirements-$$group.txt || exit 1; done
	$(PYTHON) envs/conda.py
	echo mirage-$$(cat envs/requirements.txt envs/requirements-cuda.txt | sha256sum | cut -c1-12).sif > envs/image.txt

clean:  ## Remove results (but results/reference), the environment and caches
	find results -mindepth 1 -maxdepth 1 ! -name reference -exec rm -rf {} + 2>/dev/null || true
	rm -rf .snakemake .venv .tools .pytest_cache .ruff_cache .hypothesis build dist scripts/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo 'ARGS="..." gives a target more options; V=1 shows the log of Snakemake instead of a panel.'

.tools/bin/uv: envs/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 8))' || { echo \
	    "$(PYTHON) is missing, or older than 3.8. Install a Python from 3.11 to 3.13 and name it:" \
	    "make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { echo \
	    "$(PYTHON) cannot make environments. Install its venv (Debian: apt install python3-venv), or" \
	    "name another Python from 3.11 to 3.13: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet --require-hashes -r envs/uv.txt
	@touch $@

.venv/runtime: envs/requirements.txt | $(UV)
	$(UV) venv --quiet --allow-existing --python "$(VERSIONS)" .venv
	$(UV) pip install --quiet --require-hashes --compile-bytecode --python .venv -r $<
	@touch $@

.venv/dev: envs/requirements-dev.txt .venv/runtime | $(UV)
	$(UV) pip install --quiet --require-hashes --compile-bytecode --python .venv -r $<
	@touch $@

# What submits to SLURM. The tests of it need .venv/dev too.
.venv/cluster: envs/requirements-cluster.txt .venv/runtime | $(UV)
	$(UV) pip install --quiet --require-hashes --compile-bytecode --python .venv -r $<
	@touch $@

# The same versions as above and the peers besides.
.venv/peers: envs/requirements-peers.txt .venv/runtime | $(UV)
	$(UV) pip install --quiet --require-hashes --compile-bytecode --python .venv -r $<
	@touch $@

.venv/bench: envs/requirements-bench.txt .venv/runtime | $(UV)
	$(UV) pip install --quiet --require-hashes --compile-bytecode --python .venv -r $<
	@touch $@

# Tools with environments of their own: what they need does not agree with Keras.
.tools/%/done: envs/requirements-%.txt | $(UV)
	$(UV) venv --quiet --allow-existing --python "$(VERSIONS)" $(@D)
	$(UV) pip install --quiet --require-hashes --python $(@D) -r $<
	@touch $@
