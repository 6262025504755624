# Every target works on a fresh clone: it makes .venv by itself and needs only
# Python >= 3.11 (with its venv module) and make.
VENV ?= .venv
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
  2>/dev/null && echo $$p && break; done)
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
WORKDIR ?= runs/demo
ARGS ?=

PEER := .venv-parity
# Search engines to compare with, away from what the product needs.
PEERS := .venv-peers
# Files as a whole, in the order of tests/conftest.py: the slow ones first.
PARALLEL := --numprocesses=2 --dist=loadfile --no-loadscope-reorder
# libtpu, which compiles for slices that are not here.
TPU := .venv-tpu

.PHONY: help demo seeds sparse ablations test test-long test-quick flips lint \
  bench bench-peers bench-search bench-answer bench-gpu bench-large \
  bench-examples bench-pods \
  parity golden clean
help:  ## What each target does.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile

$(STAMP): requirements.txt setup.py
	@test -n "$(PYTHON)" || { echo "error: no Python >= 3.11 with venv found;\
	 install one (Debian: apt-get install python3-venv) or set PYTHON="; exit 1; }
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

demo: $(STAMP)  ## The main job end to end on Synthetic Earth.
	$(PY) -m experiments.demo --config=experiments/configs/demo.py \
	  --workdir=$(WORKDIR) $(ARGS)

seeds: $(STAMP)  ## Seeds 0, 1 and 2 at full size and one table; an hour.
	for seed in 0 1 2; do $(PY) -m experiments.demo --config=demo:full \
	  --config.seed=$$seed --workdir=runs/seed$$seed || exit 1; done
	$(PY) -m experiments.join_seeds --out=runs/seeds \
	  --runs=runs/seed0,runs/seed1,runs/seed2

sparse: $(STAMP)  ## What a second source is worth where photos are few; an hour.
	for seed in 0 1 2; do $(PY) -m experiments.demo \
	  --config=demo:full,sources,variant=sparse --config.seed=$$seed \
	  --workdir=runs/sparse$$seed || exit 1; done
	$(PY) -m experiments.join_seeds --out=runs/sparse \
	  --runs=runs/sparse0,runs/sparse1,runs/sparse2

ablations: $(STAMP)  ## The reranker without one part after the other; 20 minutes.
	$(PY) -m experiments.demo --config=demo:full,ablations \
	  --workdir=runs/ablations $(ARGS)

test: $(STAMP)  ## The tests, then the test to source line ratio; 17 minutes.
	$(PY) -m pytest $(PARALLEL) -m "not long" $(ARGS)
	$(PY) tests/line_ratio.py

test-long: $(STAMP)  ## What takes minutes each: docs as printed, kills; 20 minutes.
	$(PY) -m pytest $(PARALLEL) -m long $(ARGS)

test-quick: $(STAMP)  ## The suite without its slow tail; 3 minutes, at first 5.
	$(PY) -m pytest $(PARALLEL) -m "not slow" $(ARGS)

flips: $(STAMP)  ## Flips bits of artefacts, runs who reads them; 5 idle minutes.
	$(PY) -m tests.flips.bit_flips --num=200 --seed=0 $(ARGS)

lint: $(STAMP)  ## ruff and the import contract.
	$(VENV)/bin/ruff check .
	$(VENV)/bin/lint-imports

bench: $(STAMP) $(PEERS)/.installed $(PEER)/.installed  ## Every benchmark beside its peers, and docs/results/benchmarks.md; 90 minutes.
	$(PY) -m benchmarks.suite --out=benchmarks/results/suite \
	  --page=docs/results/benchmarks.md --search_python=$(PEERS)/bin/python \
	  --torch_python=$(PEER)/bin/python $(ARGS)

$(PEER)/.installed: tests/parity/requirements.txt \
  tests/parity/requirements-geoclip.txt benchmarks/peers/requirements-onnx.txt
	test -x $(PEER)/bin/python || $(PYTHON) -m venv $(PEER)
	$(PEER)/bin/python -m pip install --quiet --disable-pip-version-check -r $< \
	  -r $(word 3,$^)
	$(PEER)/bin/python -m pip install --quiet --disable-pip-version-check \
	  --no-deps -r $(word 2,$^)
	@touch $@

parity: $(STAMP) $(PEER)/.installed  ## Fresh random models beside torch, in its own venv.
	$(PY) -m tests.parity.live_check --peer_python=$(PEER)/bin/python $(ARGS)

bench-peers: $(STAMP) $(PEER)/.installed  ## Speed beside torch, in its own venv.
	$(PY) -m benchmarks.vit_bench --peer_python=$(PEER)/bin/python \
	  --out=benchmarks/results/vit_cpu.json
	$(PY) -m benchmarks.embedder_bench --peer_python=$(PEER)/bin/python \
	  --out=benchmarks/results/embedder_cpu.json

$(PEERS)/.installed: benchmarks/peers/requirements.txt
	test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

bench-search: $(STAMP) $(PEERS)/.installed  ## Search beside faiss, hnswlib and usearch; an hour.
	$(PY) -m benchmarks.exact_bench --peer_python=$(PEERS)/bin/python \
	  --out=benchmarks/results/exact.json
	$(PY) -m benchmarks.search_bench --peer_python=$(PEERS)/bin/python \
	  --out=benchmarks/results/search.json
	$(PY) -m benchmarks.gallery_bench --out=benchmarks/results/gallery.json

bench-large: $(STAMP)  ## A gallery of 10 million rows, built, verified, searched; hours.
	$(PY) -m benchmarks.large_gallery_bench --rows 10000000 --raw=int8 \
	  --folder=runs/large_gallery \
	  --out=benchmarks/results/suite/large_gallery.json

bench-examples: $(STAMP)  ## Training examples by index and exactly, a million rows; two hours.
	$(PY) -m benchmarks.examples_rerank_bench --rows=1000000 --photos=8000 \
	  --folder=runs/examples --out=benchmarks/results/examples_rerank.json
	$(PY) -m benchmarks.examples_bench --rows=1000000 --queries=3000 \
	  --exact_queries=256 --folder=runs/examples \
	  --out=benchmarks/results/examples.json

bench-gpu: $(STAMP) $(PEER)/.installed  ## On a GPU beside torch; small without one, into other files.
	$(PY) -m benchmarks.gpu_bench --peer_python=$(PEER)/bin/python \
	  --out=benchmarks/results/gpu.json --page=docs/results/gpu.md $(ARGS)

bench-answer: $(STAMP)  ## From a feature to a place, a million rows; half an hour.
	$(PY) -m benchmarks.answer_bench --out=benchmarks/results/answer.json

$(TPU)/.installed: requirements.txt
	test -x $(TPU)/bin/python || $(PYTHON) -m venv $(TPU)
	$(TPU)/bin/python -m pip install --quiet --disable-pip-version-check -r $< \
	  "jax[tpu]==$$(sed -n 's/^jax==//p' $<)"
	@touch $@

bench-pods: $(TPU)/.installed  ## Steps compiled for TPU slices that are not here.
	$(TPU)/bin/python -m benchmarks.pod_compile --page=docs/pods.md \
	  --out=benchmarks/results/pods.json $(ARGS)

golden: $(STAMP)  ## Rewrite tests/golden after an intended change; read the diff.
	UPDATE_GOLDEN=1 $(PY) -m pytest tests -k golden

clean:  ## Remove run outputs and caches; .venv stays.
	rm -rf runs build *.egg-info .pytest_cache .jax_cache .ruff_cache \
	  .import_linter_cache
