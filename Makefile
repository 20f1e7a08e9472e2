# `make train` and `make test` need Python 3.11 or newer, a network connection, 400 MB of disk (the tests: 1.5 GB) and a
# Unix shell. They set up .venv themselves, and again only when pyproject.toml changes.

PYTHON ?=
ARGS ?=
BIN := .venv/bin

# A .venv that was moved, or whose Python is gone, is made again rather than left to fail.
ifneq ($(wildcard .venv),)
ifneq ($(shell $(BIN)/python -c 'print("alive")' 2>/dev/null) $(shell cat .venv/made 2>/dev/null),alive $(CURDIR))
.PHONY: .venv/made
endif
endif

.PHONY: help train test test-slow test-page docs docs-pictures test-campaign bench bench-quick bench-gpu bench-peers bench-installed readme example clean

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name text; do \
		printf '  make %-16s %s\n' "$$name" "$$text"; done

train: .venv/for-train  ## train a net; options as in: make train ARGS="--bits 16"
	@$(BIN)/fastrnn train $(ARGS)

# Much of the time goes into compiling kernels: whole files go to processes of their own, one per core up to four,
# which share the disk cache. On one core there is one process.
CORES = $(shell $(BIN)/python -c 'import os; print(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())')
SIDE_BY_SIDE = $(if $(filter-out 1,$(CORES)),--numprocesses=auto --maxprocesses=4 --dist=loadfile)

test: .venv/for-test  ## run the tests
	@$(BIN)/python -m pytest -q --durations=5 $(SIDE_BY_SIDE) $(ARGS)

test-slow: .venv/for-test .venv/for-example  ## run the long statistical tests, and the examples on real data
	@$(BIN)/python -m pytest -q --durations=5 -m slow $(SIDE_BY_SIDE) $(ARGS)

test-page: .venv/for-page  ## open pages of networks in Debian's browser, which is installed if it is missing
	@$(BIN)/python -m pytest -q -m browser tests/test_pages_browser.py $(ARGS)

# The path makes the help of commands say fastrnn, not how it was called here.
docs: .venv/for-docs  ## build the documentation into build/site; a broken link or a missing name fails
	@PATH="$(CURDIR)/$(BIN):$$PATH" NO_MKDOCS_2_WARNING=1 mkdocs build $(ARGS)
	@echo "built build/site/index.html"

docs-pictures: .venv/for-page  ## take the pictures of docs/page.md again
	@$(BIN)/python docs/pictures.py

# One experiment, or one trial again: make test-campaign ARGS="kills --seed 3 --first 17 --count 1".
test-campaign: .venv/for-test  ## kills, damaged files, forgeries, simultaneous callers: a table of what came out
	@PYTHONPATH=tests $(BIN)/python -m campaign $(ARGS)

BENCH := $(BIN)/python -m pytest bench -q --benchmark-only --benchmark-columns=median,iqr,rounds --benchmark-sort=name

# Each section is saved as it is done, so `make bench ARGS="-k ladder"` measures one again and keeps the others; two
# saved runs are compared by `make bench ARGS=--benchmark-compare`. Sections of bench/wholes.py run only where they are
# named: make bench ARGS="-k animal".
bench: .venv/for-test  ## run all benchmarks (10 minutes) into bench/results/PROCESSOR; first make bench-peers
	@$(BENCH) --benchmark-save=bench $(ARGS)
	@$(BIN)/python -m bench.render

bench-quick: .venv/for-test  ## run a few benchmarks (1 minute) into build/bench-quick
	@$(BENCH) --quick --results build/bench-quick $(ARGS)
	@$(BIN)/python -m bench.render build/bench-quick

# JAX of .venv-peers runs on the CPU; FASTRNN_PEERS names a Python whose JAX knows the GPU.
bench-gpu: .venv/for-test  ## compare with JAX on an NVIDIA GPU, where there is one (2 minutes)
	@$(BENCH) --section gpu $(ARGS)
	@$(BIN)/python -m bench.render

bench-peers: .venv-peers/made .venv/for-test  ## install PyTorch, JAX and Keras into .venv-peers, check them
	@$(BIN)/python -m bench.peers.check
	@$(BIN)/python -m bench.peers.networks
	@$(BIN)/python -m bench.peers.exchange
	@.venv-peers/bin/python bench/peers/fits_worker.py --check

bench-installed: .venv/made  ## run fastrnn bench from an installed package
	@rm -rf build/lib build/installed
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir build/installed .
	@$(BIN)/python -m venv build/installed/venv
	@build/installed/venv/bin/python -m pip install --quiet --disable-pip-version-check build/installed/*.whl
	@cd build/installed && venv/bin/fastrnn bench --quick

readme: .venv/for-test  ## write the saved results of the benchmarks into README.md and docs/
	@$(BIN)/python -m bench.readme

# Which: make example ARGS=laser, or ARGS=digits.
example: .venv/for-example  ## fit GRUs to a rat's decisions (1 minute)
	@PYTHONPATH=. $(BIN)/python examples/$(or $(ARGS),rat).py

clean:  ## remove .venv, caches and build output; runs/ is kept
	@rm -rf .venv build .pytest_cache .hypothesis .benchmarks *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable

.venv/for-train: pyproject.toml .venv/made
	@$(INSTALL) '.[plot]'
	@touch $@

.venv/for-example: pyproject.toml .venv/made
	@$(INSTALL) '.[examples]'
	@touch $@

# The tests draw plots too, so this also serves `make train`. They import a part of the modules that are installed, and
# Python compiles a module when it is first imported: pip would spend half of its time on compiling all of them.
.venv/for-test: pyproject.toml .venv/made
	@$(INSTALL) '.[plot,test]' --no-compile
	@touch $@ .venv/for-train

.venv/for-docs: pyproject.toml .venv/made
	@$(INSTALL) '.[docs]'
	@touch $@

# Packages of Debian and Ubuntu; elsewhere chromium and chromedriver must be on the path.
.venv/for-page: pyproject.toml .venv/for-test
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || { \
		[ "$$(id -u)" = 0 ] && apt-get -qq update && \
		DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends chromium chromium-driver >/dev/null; } || { \
		echo "make test-page needs chromium and its driver: apt install chromium chromium-driver" >&2; exit 1; }
	@$(INSTALL) '.[plot,test,browser]'
	@touch $@

.venv-peers/made: bench/peers/requirements.txt .venv/made
	@echo "setting up .venv-peers (once, some minutes)"
	@$(BIN)/python -m venv --clear .venv-peers
	@.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --requirement bench/peers/requirements.txt
	@touch $@

define find_python
found=; old=; bare=; \
for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
	"$$python" -c '' 2>/dev/null || continue; \
	if ! "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then old="$$old $$("$$python" -V)"; \
	elif ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then bare="$$python"; \
	else found="$$python"; break; fi; \
done; \
if [ -z "$$found" ] && [ -n "$$bare" ]; then \
	echo "$$bare cannot make a virtual environment: install its venv module (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; \
elif [ -z "$$found" ]; then \
	echo "fastrnn needs Python 3.11 or newer, found$${old:- none}: install one, or say make PYTHON=/path/to/python" >&2; exit 1; \
fi
endef

.venv/made:
	@$(find_python); \
	echo "setting up .venv (once, about a minute)"; \
	"$$found" -m venv --clear .venv && echo '$(CURDIR)' > $@
