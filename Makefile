.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh
bin := .venv/bin
pyprojects := $(wildcard libs/*/pyproject.toml services/*/pyproject.toml operators/*/pyproject.toml)
pytest := $(bin)/pytest
parallel := -n 2

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: .venv/run.stamp ## Run the retail example from raw files to certified Gold (needs only Python)
	$(bin)/podium run -f examples/retail/pipeline.yaml

.PHONY: up
up: kafka .venv/dev.stamp ## Start the platform here: a Kafka broker and the five services, as processes
	$(bin)/python scripts/local_platform.py up

.PHONY: down
down: ## Stop what `make up` started
	@$$(scripts/python) scripts/local_platform.py down

.PHONY: demo-stream
demo-stream: up ## Sell real retail lines as events, and watch the layers advance (RATE=3000 a second, SECONDS=60)
	$(bin)/python scripts/demo_stream.py --rate $(or $(RATE),3000) --seconds $(or $(SECONDS),60)

.PHONY: test
test: lint spark kafka s3 ## Check the code and run every test that is quick
	$(pytest) $(parallel) -m "not slow"

.PHONY: test-unit
test-unit: .venv/dev.stamp ## Run the unit tests, without Java and without tests of whole stages and commands
	$(pytest) $(parallel) -m "not spark and not slow and not integration" libs services operators

.PHONY: test-spark
test-spark: spark ## Run the tests that need Spark
	$(pytest) -m "spark and not slow"

.PHONY: conformance
conformance: spark ## Run what shows that both engines mean the same, the long form
	$(pytest) tests/conformance

.PHONY: test-long
test-long: spark kafka s3 ## Run the long tests: kill points, many seeds, big inputs; the storms alone, as they are timed
	$(pytest) $(parallel) -m slow tests --ignore tests/faults/services
	$(pytest) -m slow tests/faults/services

.PHONY: test-cluster
test-cluster: spark kafka s3 ## Run every test on a cluster, the long ones too: KUBECONFIG names it, PODIUM_IMAGE_LOAD loads images into it
	$(pytest) tests/charts tests/cluster

.PHONY: faults
faults: kafka .venv/dev.stamp ## Kill services, their processes and the broker under load for ten minutes
	$(pytest) -s -m slow tests/faults/services

.PHONY: lint
lint: .venv/dev.stamp ## Check style, types, imports, generated files and locks
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/mypy
	$(bin)/lint-imports
	$(bin)/python proto/generate.py --check
	$(bin)/python charts/crds.py --check
	$(bin)/python scripts/chart_values.py --check
	$(bin)/python scripts/functions.py --check
	$(bin)/python scripts/star_schema.py --check
	$(bin)/python scripts/lock.py --check

.PHONY: format
format: .venv/dev.stamp ## Format the code and mend what can be mended
	$(bin)/ruff check --fix-only --exit-zero
	$(bin)/ruff format

.PHONY: generate
generate: .venv/dev.stamp ## Write the generated files anew
	$(bin)/python proto/generate.py
	$(bin)/python charts/crds.py
	$(bin)/python scripts/chart_values.py
	$(bin)/python scripts/functions.py
	$(bin)/python scripts/star_schema.py

.PHONY: lock
lock: ## Write the locks anew (make lock UPGRADE=--upgrade moves every pin)
	$$(scripts/python) scripts/lock.py $(UPGRADE)

.PHONY: bench
bench: .venv/dev.stamp ## Measure the retail example beside two scripts written by hand, and each target (10 million rows, some minutes)
	$(bin)/python tests/benchmarks/retail.py --json .venv/bench.json
	$(bin)/python tests/benchmarks/targets.py --retail .venv/bench.json

.PHONY: bench-growth
bench-growth: .venv/dev.stamp ## Measure how the cost grows with the rows, and an increment on each size (some minutes)
	$(bin)/python tests/benchmarks/growth.py

.PHONY: bench-spark
bench-spark: spark ## Measure engine spark beside two jobs written by hand, and a wide table (an hour)
	$(bin)/python tests/benchmarks/retail.py --engine spark --rounds 2
	$(bin)/python tests/benchmarks/wide.py

.PHONY: bench-stream
bench-stream: spark kafka ## Measure streams: events per CPU second, and latencies at 3,000 events a second (half an hour; CHART=file.svg)
	$(bin)/python -m tests.benchmarks.streaming $(if $(CHART),--chart $(CHART))

.PHONY: bench-operator
bench-operator: .venv/dev.stamp ## Measure how fast PipelineRuns become Jobs, on the cluster of KUBECONFIG (a quarter of an hour)
	$(bin)/python -m tests.benchmarks.applying

.PHONY: clean
clean: ## Remove the environment, the tools and all caches
	rm -rf .venv .tools .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find libs services operators proto charts scripts tests -name __pycache__ -prune -exec rm -rf {} +

.PHONY: spark
spark: .venv/dev.stamp ## Set up engine spark: pyspark, Java, Delta's jars
	@scripts/java
	@scripts/jars

.PHONY: kafka
kafka: ## Fetch a Kafka broker's jars, for the tests
	@scripts/broker jars

.PHONY: s3
s3: ## Fetch an S3 server's jars, for the tests
	@scripts/s3 jars

# Both locks share .venv, and `dev` holds all that `run` does.
.venv/run.stamp: requirements/run.txt $(pyprojects)
	scripts/venv run
	@touch $@

.venv/dev.stamp: requirements/dev.txt $(pyprojects)
	scripts/venv dev
	@touch $@ .venv/run.stamp
