# Everything a newcomer, an engineer or CI does here, by name. `make` lists the names.
PYTHON ?= python3
TORCH  ?= torch==2.13.0
DEMO   := .venv/bin/genmo-run
TEST   := .venv-test/bin/python
WORKERS ?= auto
PYTEST := $(TEST) -m pytest -p xdist --numprocesses $(WORKERS) --maxprocesses 4 --dist worksteal
RUNTIME := $(shell find runtime -type f ! -name '*.pyc' 2>/dev/null)
NATIVE := CMakeLists.txt $(shell find kernels/native -type f ! -name '*.md' 2>/dev/null)

# A test environment that was made elsewhere points at another checkout: forget it.
ifneq ($(shell cat .venv-test/.ready 2>/dev/null),$(CURDIR))
$(shell rm -f .venv-test/.ready)
endif

# pytest keeps the assertions that it has rewritten, where Python may write: half of what starting takes.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast check format native kernels cross sanitize api bench blender web clean types

help: ## list these names
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.ready ## install the runtime in .venv, make two motions in demo/
	@mkdir -p demo
	$(DEMO) --text "a person walks forward" --seconds 5 $(foreach kind,npz bvh glb html svg,--out demo/text.$(kind))
	$(DEMO) --keypoints examples/dance_keypoints.npz $(foreach kind,npz bvh glb html svg,--out demo/keypoints.$(kind))
	@echo "Open demo/text.html and demo/keypoints.html in a browser; .bvh and .glb load in Blender, Unity, Unreal and Maya."

test: check native ## install everything in .venv-test; style, types and all tests (WORKERS=0: in one process)
	$(PYTEST)

test-fast: .venv-test/.ready native ## a first answer in a minute: units of the runtime, without other libraries' backends, and the house
	$(PYTEST) -m "not end_to_end" tests/runtime --ignore tests/runtime/engine/backends tests/test_architecture.py tests/test_house.py

check: .venv-test/.ready types ## style and types only
	$(TEST) -m ruff check .
	$(TEST) -m ruff format --check .
	$(TEST) -m mypy

format: .venv-test/.ready ## rewrite the Python files in the house style
	$(TEST) -m ruff check --fix .
	$(TEST) -m ruff format .

native: .venv-test/.ready .venv-test/.native ## bring the libgenmo of .venv-test up to its sources

kernels: ## build the C++ and CUDA kernels in build/kernels and test them
	cmake -S . -B build/kernels -DCMAKE_BUILD_TYPE=Release
	cmake --build build/kernels --parallel 2
	ctest --test-dir build/kernels --output-on-failure

cross: ## libgenmo for Windows, Linux on Arm and old Linux, and macOS, in build/cross, tested where an emulator is installed
	$(PYTHON) kernels/native/cross.py --test

sanitize: ## libgenmo's tests under ASan with UBSan and under TSan, in build/
	for kind in address,undefined thread; do \
	  folder=build/sanitize-$${kind%%,*}; cmake -S . -B $$folder -DGENMO_KERNELS=OFF -DGENMO_SANITIZE=$$kind -DGENMO_PORTABLE=ON -DCMAKE_BUILD_TYPE=Debug \
	  && cmake --build $$folder --parallel 2 && ctest --test-dir $$folder --output-on-failure || exit 1; \
	done

bench: .venv-test/.ready native ## measure one denoising step
	$(TEST) benchmarks/one_step.py

blender: ## the extension for Blender, in dist/: one zip with everything in it
	$(PYTHON) integrations/blender/build.py

site: .venv-test/.ready ## the documentation as a website, in build/site
	$(TEST) -m pip install --quiet --disable-pip-version-check ".[site]"
	$(TEST) docs/site/build.py build/site

web: .venv-test/.ready native ## the page that makes motions by itself, in build/web/page, and its tests (Emscripten, node)
	emcmake cmake -S . -B build/web -DGENMO_KERNELS=OFF -DCMAKE_BUILD_TYPE=Release
	cmake --build build/web --target genmo_web --parallel 2
	$(TEST) integrations/web/pack.py build/web/kernels/native/genmo.wasm build/web/page
	node --test build/web/page/test/

api: .venv-test/.ready ## write the API reference, from the docstrings, to build/api.md
	@mkdir -p build
	$(TEST) docs/api.py build/api.md

clean: ## remove environments, builds, caches and demo/
	rm -rf .venv .venv-test build dist demo .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# mypy reads the packages under their real name through these links.
types:
	@mkdir -p build/types/genmo
	@for package in runtime train export; do ln -sfn ../../../$$package build/types/genmo/$$package; done

# The stamp is written last, so an interrupted install is never taken for a finished one.
.venv/.ready: pyproject.toml $(RUNTIME) $(NATIVE)
	@rm -f $@
	.venv/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check ".[cpu]"
	@touch $@

.venv-test/.ready: pyproject.toml
	@test -f $@ || $(PYTHON) -m venv --clear .venv-test
	@rm -f $@
	$(TEST) -m pip install --quiet --disable-pip-version-check "$(TORCH)"
	$(TEST) -m pip install --quiet --disable-pip-version-check -e ".[cpu,train,export,test]"
	@echo "$(CURDIR)" > $@
	@touch .venv-test/.native

.venv-test/.native: $(NATIVE)
	$(TEST) -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@
