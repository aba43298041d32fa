# Short names for the scripts; nothing needs make.
.PHONY: setup demo test check fix

setup: ## make .venv
	./setup.sh

demo: ## the whole path on the embedded data set
	recipes/mini/run.sh

test: ## the fast tests
	tests/run.sh

check: ## format, lint, types and the fast tests
	./setup.sh
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	AUDIONAS_CPU_LIMIT=1 tests/run.sh

fix: ## rewrite what ruff can fix
	./setup.sh
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .
