# Thin: each target calls the bootstrap, `avatar` or nox. Needs GNU make and any Python >= 3.9.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run models setup test lint lock bench bench-gpu clean

# A fresh machine has only some Python; later the orchestrator's own is the quickest to ask.
find_python = for python in .venv/bin/python python3 python3.13 python3.12 python3.11 /usr/bin/python3 \
	"$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/*/bin/python; do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null && break; python=; \
	done; \
	test -n "$$python" || { echo "No Python >= 3.9 was found: install python3 and try again." >&2; exit 3; }
bootstrap = $(find_python); "$$python" -m orchestrator.bootstrap

# What the user gives reaches the shell by way of the environment and unexpanded, so that quotes,
# dollars and spaces in a text stay what they are.
OPTIONS := TEXT=--text TEXT_FILE=--text-file PORTRAIT=--portrait PROMPT=--prompt VOICE=--voice OUT=--output \
	TTS=--tts SPEAKER=--speaker LANGUAGE=--language SPEED=--speed SEED=--seed FPS=--fps SIZE=--size ASPECT=--aspect FACE=--face \
	BACKGROUND=--background LIPSYNC=--lipsync
variable = $(firstword $(subst =, ,$(1)))
flag = $(lastword $(subst =, ,$(1)))
# Only what stands on make's command line: LANGUAGE and the like are also variables of the system.
GIVEN := $(foreach pair,$(OPTIONS),$(if $(filter command,$(origin $(call variable,$(pair)))),$(pair)))
define pass_on
override $(1) := $$(value $(1))
export $(1)
endef
$(foreach pair,$(GIVEN),$(eval $(call pass_on,$(call variable,$(pair)))))

help: ## Say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1 @ \2/p' Makefile | while IFS=@ read -r command words; do \
		printf '%-17s%s\n' "$$command" "$$words"; done
	@echo
	@echo '  make run TEXT="Good morning." PORTRAIT=me.jpg VOICE=me.wav OUT=morning.mp4'
	@echo '  Further: TEXT_FILE PROMPT TTS SPEAKER LANGUAGE SPEED SEED FPS SIZE ASPECT FACE BACKGROUND LIPSYNC, FORCE=1 to overwrite OUT.'

run: setup ## Make a video: the sample portrait speaks the sample text, or what you give
	@set -- $(if $(FORCE),--force); \
	$(foreach pair,$(GIVEN),set -- "$$@" $(call flag,$(pair)) "$$$(call variable,$(pair))";) \
	$(if $(filter OUT=%,$(GIVEN)),,mkdir -p output && set -- "$$@" --output output/hello.mp4 --force;) \
	exec .venv/bin/avatar run "$$@"

models: setup ## Fetch the weights of neural engines, and the packages that run them (gigabytes)
	@.venv/bin/avatar models fetch --packages

setup: ## Set up the environments; at once where they are ready
	@$(bootstrap) sync

test: ## Run everything: lint, types, every environment's tests, the whole way
	@$(bootstrap) sync orchestrator --kind dev
	@.venv/bin/nox

lint: ## Check style and types
	@$(bootstrap) sync orchestrator --kind dev
	@.venv/bin/nox --sessions lint

lock: ## Renew the locks after a change of a pyproject.toml (UPGRADE=1: to the newest versions)
	@$(bootstrap) lock $(if $(UPGRADE),--upgrade)

bench: setup ## Measure; prints medians and ratios
	@.venv/bin/python -m tests.bench

bench-gpu: setup ## Measure on a GPU: how fast weights move there, voices, pictures, lips
	@$(bootstrap) sync orchestrator --kind dev
	@.venv/bin/nox --sessions torch --install-only
	@.venv/bin/python -m tests.bench handover soak voices pictures lips

clean: ## Remove the environments and caches; videos stay
	rm -rf .venv envs/*/.venv .nox .hypothesis .mypy_cache .pytest_cache .ruff_cache
