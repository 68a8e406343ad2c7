# Every target makes what it needs: in a fresh clone, `make book` and
# `make test` want Python 3.11 to 3.13, make, and a package registry.

PYTHON ?= python3
JOBS ?= 2
PORT ?= 8000

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
BACKENDS := .venv-backends

.DEFAULT_GOAL := help
.PHONY: help venv book pdf links prose test test-browser test-colab test-range \
	test-scale test-backends test-witnesses bench bench-gpu release study \
	trust card execute serve lint lock repository clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' \
		$(MAKEFILE_LIST)

# An environment from a lock: by uv where it can be had, for it is many times
# as fast, else by pip. Both take only files whose hashes the lock names.
# $(1): folder, $(2): lock
define environment
	@$(PYTHON) -c 'import sys; \
		(3, 11) <= sys.version_info[:2] <= (3, 13) or sys.exit( \
		"Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.13 ...")'
	$(PYTHON) -m venv --clear $(1)
	@echo "installing $(2) into $(1)"
	@$(1)/bin/python -m pip install --quiet --require-hashes \
		-r requirements-uv.lock \
	&& $(1)/bin/uv pip install --quiet --python $(1)/bin/python \
		--require-hashes -r $(2) \
	|| $(1)/bin/python -m pip install --quiet --require-hashes -r $(2)
	@$(1)/bin/python -m pip install --quiet --no-deps --no-index \
		--no-build-isolation --editable .
endef

$(READY): requirements.lock requirements-uv.lock pyproject.toml
	$(call environment,$(VENV),requirements.lock)
	@touch $@

venv: $(READY)  ## make the environment, .venv

book: $(READY)  ## build the book: _build/html/index.html
	$(BIN)/python tools/front_ends.py
	$(BIN)/python tools/try_it.py
	$(BIN)/jupyter-book build . -W -n --keep-going

links: $(READY)  ## check the links that lead to other sites
	$(BIN)/python tools/front_ends.py
	$(BIN)/jupyter-book build . --builder linkcheck --path-output _build/links

prose: $(READY)  ## find numbers without ground, dead links, misspellings
	$(BIN)/python tools/prose.py

test: $(READY)  ## run the tests, and every chapter through nbval
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --nbval \
		--ignore tests/browser tests chapters

# Debian's and Ubuntu's package is called chromium; Google Chrome does, too.
test-browser: book  ## test the built book in a headless Chromium of yours
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile tests/browser

pdf: book  ## print the book: _build/pdf/densenet-by-hand.pdf, by a Chromium
	$(BIN)/python tools/pdf.py

test-colab: $(READY)  ## run each chapter alone, as Colab does; NAME=… for one
	$(BIN)/python tools/colab.py $(NAME)

SCALE ?= cpu
test-scale: $(READY)  ## run the chapters on photographs; DATA=zip NAME=…
	$(BIN)/python tools/scale.py $(if $(DATA),--data $(DATA)) $(SCALE) $(NAME)

# One end of what pyproject.toml declares: the floors of its packages, or,
# with END=highest, the newest of each; and the chapters run with them.
END ?= lowest-direct
RANGE := .venv-range
test-range: $(READY)  ## the same with the oldest packages, or END=highest
	$(PYTHON) -m venv --clear $(RANGE)
	$(BIN)/uv pip install --quiet --python $(RANGE)/bin/python \
		--resolution $(END) ".[notebook]"
	$(BIN)/uv pip install --quiet --python $(RANGE)/bin/python \
		nbclient ipykernel pip scikit-image
	$(BIN)/python tools/colab.py --packages $(RANGE)/bin/python $(NAME)

$(BACKENDS)/ready: requirements-backends.txt
	$(PYTHON) -m venv --clear $(BACKENDS)
	@echo "installing $< into $(BACKENDS)"
	@$(BACKENDS)/bin/python -m pip install --quiet -r $<
	@touch $@

test-backends: $(READY) $(BACKENDS)/ready  ## test on JAX and PyTorch, too
	DENSENET_BACKENDS_PYTHON=$(abspath $(BACKENDS))/bin/python \
		$(BIN)/python -m pytest tests/backends \
		tests/test_benchmarks.py::test_the_pytorch_network_is_ours

$(BACKENDS)/witnesses: requirements-witnesses.txt $(BACKENDS)/ready
	@$(BACKENDS)/bin/python -m pip install --quiet -r $<
	@touch $@

test-witnesses: $(READY) $(BACKENDS)/witnesses  ## compare heatmaps with others'
	DENSENET_WITNESSES_PYTHON=$(abspath $(BACKENDS))/bin/python \
		$(BIN)/python -m pytest tests/attribution/test_witnesses.py

# JAX and PyTorch take part where `make test-backends` has brought them.
bench: DENSENET_BACKENDS_PYTHON ?= $(abspath \
	$(firstword $(wildcard $(BACKENDS)/bin/python) $(BIN)/python))
bench: $(READY)  ## measure speed and memory, 25 min; ARGS=--quick for 3 min
	DENSENET_BACKENDS_PYTHON=$(DENSENET_BACKENDS_PYTHON) \
		$(BIN)/python -m benchmarks $(ARGS)

# Not in the environment of the lock, whose TensorFlow brings no CUDA.
bench-gpu:  ## the same on the GPU that PYTHON's KERAS_BACKEND sees
	$(PYTHON) -m benchmarks --gpu $(ARGS)

study: $(READY)  ## train what is missing of the study on the photographs
	$(BIN)/densenet-lib study

trust: $(READY)  ## measure how far heatmaps can be trusted; ARGS=tag for one
	$(BIN)/densenet-lib trust $(ARGS)

card: $(READY)  ## measure the model card anew; ARGS=--check compares
	$(BIN)/python tools/model_card.py $(ARGS)

execute: $(READY)  ## execute the chapters anew; NAME=03_growth_rate for one
	$(BIN)/python tools/execute.py $(ARGS) $(NAME)

release: book  ## make dist/: wheel, built book, checksums, notes; TAG=v0.1.0
	$(BIN)/python tools/release.py $(if $(TAG),--tag $(TAG))

serve: book  ## build the book and serve it at http://localhost:8000
	$(BIN)/python -m http.server $(PORT) --directory _build/html

lint: $(READY)  ## check the code's style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lock: $(READY)  ## resolve requirements.in anew, with the newest releases
	$(BIN)/uv pip compile --quiet --upgrade $(LOCK) \
		requirements.in --output-file requirements.lock
	echo uv | $(BIN)/uv pip compile --quiet --upgrade $(LOCK) \
		- --output-file requirements-uv.lock
LOCK := --universal --python-version 3.11.7 --generate-hashes --no-header \
	--no-annotate

repository:  ## move the book to another address: URL=https://github.com/…
	$(PYTHON) tools/repository.py $(URL)

clean:  ## remove all that make has made
	rm -rf _build dist $(VENV) $(BACKENDS) $(RANGE) .pytest_cache .ruff_cache
