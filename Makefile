PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed

PYTEST := pytest --numprocesses auto --dist worksteal
AVX2 := ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2

.PHONY: demo test test-avx2 test-oldest clean

demo: $(STAMP)  ## install, sample from a trained GAN, train a VAE for about a minute
	$(BIN)/zoo list
	$(BIN)/zoo sample dcgan-fashion-mnist -n 64 --seed 0 --to demo/dcgan-fashion-mnist.png
	$(BIN)/zoo fit vae-digits
	@echo
	@echo "samples: demo/dcgan-fashion-mnist.png and the newest picture in the run folder above"

test: $(STAMP)  ## lint, format, types, tests: the command of CI
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/$(PYTEST)

test-avx2: $(STAMP)  ## the tests as on a CPU without AVX-512 and bfloat16
	$(AVX2) $(BIN)/$(PYTEST)

test-oldest:  ## the tests with the oldest versions that pyproject.toml allows
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet uv
	.venv-oldest/bin/uv pip install --quiet --python .venv-oldest/bin/python \
		--resolution lowest-direct --editable . --group dev
	.venv-oldest/bin/$(PYTEST)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python must be >= 3.11. Run make PYTHON=python3.12')"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable . --group dev
	touch $(STAMP)

clean:  ## delete the environments and the outputs of make demo and zoo fit
	rm -rf .venv .venv-oldest demo runs
