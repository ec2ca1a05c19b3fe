# Every target does its own set-up: a machine needs python3 and make. `make help` lists them.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo app test test-core test-zoo test-numerics numerics-short test-versions lint docs api bench matrix attribution-matrix \
	criteria release constraints clean

PHOTO = examples/espresso.jpg
OUT = demo
JOBS = 2
PHOTOS = examples
GALLERY = [.]py$$
SETUP := pyproject.toml constraints.txt scripts/environment.sh

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 20

demo: .venv/.ready ## explain a photograph with the bundled model; pictures in demo/
	.venv/bin/unseen explain $(PHOTO) --out $(OUT)
	@echo "The pictures are in $(abspath $(OUT)). To try photographs of yours in the browser: make app"

app: .venv/.ready-app ## explain photographs on a page in the browser
	.venv/bin/unseen app

test: test-core numerics-short test-zoo ## the whole test suite

# Those marked numerics run once, where rounding is hardest (numerics-short).
# One thread a worker: spinning threads of two workers on the same cores slow each other down.
test-core: .venv/.ready-test
	.venv/bin/python scripts/browser.py
	OMP_NUM_THREADS=1 .venv/bin/python -m pytest -m "not numerics" -n $(JOBS) --dist worksteal

# torchvision has an environment of its own, so that the other tests prove it is not needed.
test-zoo: .venv-zoo/.ready
	OMP_NUM_THREADS=1 .venv-zoo/bin/python -m pytest tests_zoo -n $(JOBS) --dist worksteal

test-numerics: .venv/.ready-test ## the numerically sensitive tests as other processors would compute them
	OMP_WAIT_POLICY=passive .venv/bin/python scripts/numerics.py -n $(JOBS)

numerics-short: .venv/.ready-test
	OMP_WAIT_POLICY=passive .venv/bin/python scripts/numerics.py --short -n $(JOBS)

# Several GB and an hour: by hand, before a release. TOLD is for pytest, such as tests/removal.
test-versions: ## the tests under the oldest and the newest versions of what is needed, on every Python here
	python3 scripts/versions.py -n $(JOBS) $(TOLD)

lint: .venv/.ready-lint ## style and types
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy

# An environment of its own: its gallery needs transformers, which the tests must do without.
# GALLERY is a pattern of the gallery's scripts that are run; the others are shown without their pictures.
docs: .venv-docs/.ready ## the manual, in docs/_build/html
	.venv-docs/bin/sphinx-build -W --keep-going -q -b html -D 'sphinx_gallery_conf.filename_pattern=$(GALLERY)' \
		docs docs/_build/html
	@echo "The manual starts at $(abspath docs/_build/html/index.html)"

api: .venv/.ready ## agree to a change of the public API: tests/project/public-api.txt
	.venv/bin/python scripts/public_api.py > tests/project/public-api.txt

bench: .venv/.ready-test ## measurements of benchmarks/ on PHOTOS=file or folder
	.venv/bin/python -m benchmarks.speed.masked_forward
	.venv/bin/python -m benchmarks.speed.method_cost $(PHOTOS)

matrix: .venv-zoo/.ready ## which architectures ad follows, and at what cost: docs/architectures.md
	OMP_NUM_THREADS=1 .venv-zoo/bin/python -m benchmarks.tables.architectures --out docs/architectures.md

attribution-matrix: .venv-zoo/.ready ## which attribution methods are right on which architectures
	OMP_NUM_THREADS=1 .venv-zoo/bin/python -m benchmarks.tables.attribution_by_architecture \
		--out docs/attribution-by-architecture.md

criteria: .venv/.ready ## which criteria hold for which attribution methods: docs/tables/criteria.md
	OMP_NUM_THREADS=1 .venv/bin/unseen check all --markdown > docs/tables/criteria.md

release: .venv/.ready-release ## sdist and wheel in dist/; the wheel installed in an empty environment and tried
	.venv/bin/python scripts/release.py

constraints: .venv/.ready ## choose the tested versions anew (constraints.txt)
	scripts/constraints.sh

clean: ## remove what the other targets made
	rm -rf .venv .venv-docs .venv-zoo .venv-versions demo dist docs/_build docs/_generated docs/gallery .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/.ready: $(SETUP)
	scripts/environment.sh .venv
	@touch $@

.venv/.ready-%: $(SETUP) | .venv/.ready
	scripts/environment.sh .venv $*
	@touch $@

.venv-docs/.ready: $(SETUP)
	scripts/environment.sh .venv-docs docs
	@touch $@

.venv-zoo/.ready: $(SETUP)
	scripts/environment.sh .venv-zoo test,torchvision,timm,transformers,monai,oracles
	@touch $@
