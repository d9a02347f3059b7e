PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed

.PHONY: demo test clean

demo: $(STAMP)  ## 64 samples of a trained model, then a training of about a minute
	$(BIN)/zoo list
	$(BIN)/zoo sample dcgan-fashion-mnist -n 64 --seed 0 --to demo/dcgan-fashion-mnist.png
	$(BIN)/zoo fit vae-digits
	@echo
	@echo "look at demo/dcgan-fashion-mnist.png and at the newest picture in the run folder above"

test: $(STAMP)  ## what CI runs: lint, format, types, tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pytest --numprocesses auto --dist worksteal

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'the zoo needs Python 3.11 or newer: make PYTHON=python3.12')"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable . --group dev
	touch $(STAMP)

clean:
	rm -rf .venv demo runs
