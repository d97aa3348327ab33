# `make` alone lists the targets. Each one sets up what it needs on its first run and reuses it afterwards.

PYTHON ?= python3
PORT ?= 8000
WORKERS ?= 2
PART ?= foundations
FLAGS ?=

SITE := .venv/site/bin/python
FULL := .venv/$(if $(TORCH),torch-$(TORCH),full)/bin/python
COMPILE := $(FULL) -m uv pip compile --quiet --python-version 3.11.7 --universal --fork-strategy fewest \
	--generate-hashes --no-annotate --custom-compile-command "make lock"

export NO_MKDOCS_2_WARNING := 1

.PHONY: help serve site zip zensical test update new figures mutate lab notebooks audit lock clean site-ready full-ready page-named lesson-named

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: site-ready ## Build the site and serve it on http://127.0.0.1:8000, with live reload (PORT=8001 for another port)
	@$(SITE) -m scripts.serve --port $(PORT)

site: site-ready ## Build the site into site/
	@$(SITE) -m mkdocs build --strict

zip: export ZIP := convnets-checked.zip
zip: site ## Build the site, and beside its home page a zip of it that can be read without a network
	@$(SITE) -m scripts.make_zip site/$(ZIP)

zensical: site-ready ## Build the site into site/ with Zensical, the successor of Material for MkDocs
	@$(SITE) -m zensical build --clean --strict

test: full-ready ## Verify everything, or one page: make test PAGE=docs/lessons/first-cnn (TORCH=2.11.0: with another PyTorch)
	@$(if $(PAGE),,$(FULL) -m ruff check)
	@$(FULL) -m pytest --codeblocks --report .cache/verified.json --junitxml .cache/junit.xml $(or $(PAGE),docs README.md tests -n $(WORKERS)) $(FLAGS)

update: page-named full-ready ## Write what its blocks print into a page: make update PAGE=docs/lessons/first-cnn/index.md
	@$(FULL) -m pytest --codeblocks --update-outputs $(PAGE)

new: lesson-named full-ready ## Start a lesson: make new LESSON=dilated-convolution (PART=training for another part)
	@$(FULL) -m scripts.new_lesson $(LESSON) --part $(PART)

figures: full-ready ## Draw the figures of all lessons
	@$(FULL) -m scripts.draw_figures

mutate: page-named full-ready ## Measure how strong the checks of a page are: make mutate PAGE=... FLAGS="--sample 50"
	@$(FULL) -m scripts.mutate $(PAGE) $(FLAGS)

lab: full-ready ## Run the notebooks in docs/labs/ and store their outputs
	@$(FULL) -m scripts.run_labs

notebooks: full-ready ## Make the notebooks of all lessons and run them, or of some: make notebooks FLAGS="vgg lenet"
	@$(FULL) -m scripts.make_notebooks --run $(FLAGS)

audit: full-ready ## Measure each page of the site: Lighthouse, axe, HTML, links: make audit FLAGS="--runs 5 lessons/vgg/"
	@$(FULL) -m scripts.audit $(FLAGS)

lock: full-ready ## Lock the newest versions that requirements.in and requirements-site.in allow
	@$(COMPILE) --upgrade --output-file requirements.txt requirements.in
	@$(COMPILE) --upgrade --constraint requirements.txt --output-file requirements-site.txt requirements-site.in

clean: ## Remove everything that was installed or built
	@rm -rf .venv node_modules site docs/assets/vendor .pytest_cache .ruff_cache .hypothesis .cache
	@rm -f docs/lessons/*/notebook.ipynb docs/feed.xml
	@find docs -name '*.txt' -type f -delete
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

site-ready:
	@$(PYTHON) scripts/setup.py site
	@$(SITE) -m scripts.get_assets
	@$(SITE) -m scripts.make_notebooks
	@$(SITE) -m scripts.make_texts

full-ready:
	@$(PYTHON) scripts/setup.py full $(if $(TORCH),--torch $(TORCH))
	@$(FULL) -m scripts.get_assets
	@$(FULL) -m scripts.make_notebooks
	@$(FULL) -m scripts.make_texts

page-named:
	$(if $(wildcard $(PAGE)),,$(error name a page that exists: make update PAGE=docs/lessons/first-cnn/index.md))

lesson-named:
	$(if $(LESSON),,$(error name the new lesson: make new LESSON=dilated-convolution))
