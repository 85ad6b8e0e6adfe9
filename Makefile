# Every target sets itself up; nothing but Python 3.11 to 3.13 is needed. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help bench peers demo docs test effects fuzz trials lint types crash model story requirements release clean

BIN := .venv/bin
PYTEST_ARGS ?=
# Files of tests side by side: each worker has servers of its own, 1 to 2 GB with them. One more than two cores, as a worker waits
# for its servers, and for what they have to do by the clock, for a quarter of its time; in the trials for a third.
JOBS ?= 3
# In the order of tests/conftest.py: by the number of its tests a file that takes long with few of them would come last.
SIDE_BY_SIDE = --dist loadfile --no-loadscope-reorder
CRASH_TRIALS ?= 1000
MODEL_STEPS ?= 2000
FUZZ ?= 500
ROUNDS ?= 5
BENCH ?= ../shared/bench
EFFECTS ?= tests

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name text; do \
	  printf '  make %-13s %s\n' "$$name" "$$text"; done

demo: ## the whole life of a batch on local servers, from nothing
	@sh .ci/venv requirements.txt
	@$(BIN)/headgate demo

test: ## all tests but the long trials and stories (PYTEST_ARGS="-k name" for some)
	@sh .ci/venv requirements-dev.txt
	@$(BIN)/python -m pytest -n $(JOBS) $(SIDE_BY_SIDE) -m "not crash and not story and not trial" $(PYTEST_ARGS)

trials: ## broken servers, kills, bad input, every form on a Prefect worker, the shop, a month of on-call, the Redshift-like server (20 minutes)
	@sh .ci/venv requirements-dev.txt
	@$(BIN)/python -m pytest -n $(JOBS) $(SIDE_BY_SIDE) -m "trial and not crash and not story" $(PYTEST_ARGS)

fuzz: ## whole commands on made-up sources and spoiled declarations (FUZZ=500), hostile texts everywhere (1000)
	@sh .ci/venv requirements-dev.txt
	@HEADGATE_TEST_FUZZ=$(FUZZ) HEADGATE_TEST_HOSTILE=1000 $(BIN)/python -m pytest tests/flows/cli/test_fuzz.py \
	  tests/tasks/test_hostile_texts.py $(PYTEST_ARGS)

effects: ## each marked test again without each effect it says it sees: it has to fail then (EFFECTS=tests/acceptance/modes)
	@sh .ci/venv requirements-dev.txt
	@HEADGATE_TEST_FORGET=each $(BIN)/python -m pytest -q -m "effect and not crash and not story" $(EFFECTS) $(PYTEST_ARGS)

crash: ## the long trials that kill loads at every step (CRASH_TRIALS=1000)
	@sh .ci/venv requirements-dev.txt
	@$(BIN)/python -m pytest -m crash $(PYTEST_ARGS)
	@$(BIN)/python tests/crash/harness.py --trials $(CRASH_TRIALS) --workers 2
	@$(BIN)/python tests/crash/harness.py --trials $$(($(CRASH_TRIALS) * 3 / 10)) --workers 2 --warehouse redshift-like

model: ## anything in any order against a model, with kills, on both warehouses (MODEL_STEPS=2000 drawn in each mode)
	@sh .ci/venv requirements-dev.txt
	@HEADGATE_TEST_MODEL_STEPS=$(MODEL_STEPS) $(BIN)/python -m pytest -q -s tests/acceptance/operations/test_machine.py $(PYTEST_ARGS)

story: ## a real Prefect server, workers, a worker killed half-way through a backfill (some minutes)
	@sh .ci/venv requirements-dev.txt
	@$(BIN)/python -m pytest -m story $(PYTEST_ARGS)

bench: ## how long loads take beside a psql script that does the same (ROUNDS=5)
	@sh .ci/venv requirements-dev.txt
	@$(BIN)/python tests/benchmarks/speed/run.py --rounds $(ROUNDS)

peers: ## other loaders and ours through one harness, which must be installed and started (BENCH=folder)
	@sh .ci/venv requirements-dev.txt
	@$(BIN)/python tests/benchmarks/speed/peers.py $(BENCH)

docs: ## write docs/reference from the declarations' models
	@sh .ci/venv requirements-dev.txt
	@$(BIN)/python -m deployments.declarations.reference docs/reference

lint: ## style of the code, and the walls between its packages
	@sh .ci/venv requirements-dev.txt
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache

types: ## types of the code
	@sh .ci/venv requirements-dev.txt
	@$(BIN)/mypy

# --universal: one file for Linux and macOS and every supported Python. No address of an index may stand in it.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-emit-find-links --no-annotate \
  --custom-compile-command "make requirements   (install with --require-hashes; pip before 24 needs --no-deps, too)"

requirements: ## pin again what pyproject.toml asks for (UPGRADE=--upgrade for the newest)
	@sh .ci/venv requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements-uv.txt
	@echo 'setuptools>=77' | $(COMPILE) $(UPGRADE) --extra local pyproject.toml - -o requirements.txt
	@echo 'setuptools>=77' | $(COMPILE) $(UPGRADE) --extra dev -c requirements.txt pyproject.toml - -o requirements-dev.txt
	@echo uv | $(COMPILE) $(UPGRADE) - -o requirements-uv.txt
	@printf 'build\ncyclonedx-bom\nsetuptools>=77\n' | $(COMPILE) $(UPGRADE) - -o requirements-release.txt

DIST ?= dist
RELEASE = build/tools/bin
RELEASE_BUILDER ?= urn:headgate:somebody
RELEASE_KEY ?=

release: ## wheel and sources of what is committed, parts (CycloneDX), provenance, hashes; signed with RELEASE_KEY=FILE (DIST=dist)
	@sh .ci/venv requirements-dev.txt
	@rm -rf build/tools build/source && mkdir -p build/source $(DIST)
	@$(BIN)/python -m venv build/tools
	@$(RELEASE)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-release.txt
	@git archive HEAD | tar -x -C build/source
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(RELEASE)/python -m build --no-isolation --outdir $(DIST) build/source >/dev/null
	@$(RELEASE)/cyclonedx-py requirements build/source/requirements.txt --pyproject build/source/pyproject.toml \
	  --output-reproducible --of JSON -o $(DIST)/sbom.cdx.json 2>/dev/null
	@.ci/provenance $(DIST) "$(RELEASE_BUILDER)" >build/provenance.json && mv build/provenance.json $(DIST)/provenance.json
	@cd $(DIST) && sha256sum *.whl *.tar.gz sbom.cdx.json provenance.json >SHA256SUMS && cat SHA256SUMS
	@if [ -n "$(RELEASE_KEY)" ]; then ssh-keygen -q -Y sign -n headgate-release -f "$(RELEASE_KEY)" $(DIST)/SHA256SUMS; fi

clean: ## stop the local stack and remove everything made here, local data too
	@if [ -x $(BIN)/headgate ] && [ -d .headgate ]; then $(BIN)/headgate down --purge; fi
	@rm -rf .venv .headgate build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
