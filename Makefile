# SPDX-License-Identifier: MIT
# Makefile: builds libsockleak.so (the agent), sockleak (the command), the tests' programs and the examples.
# `make help` lists the targets. GNU make 4.3. Everything that is made goes into build/, whatever the compiler and the flags: when these change, all is
# compiled again. Who wants a variant beside another says B=build/NAME.

VERSION := 0.1.0
SONAME := libsockleak.so.0

ifeq ($(origin CC),default)
CC := gcc
endif
V ?= 0
DEBUG ?= 0
SAN ?=
CAPTURE ?= walk
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
DESTDIR ?=

comma := ,
empty :=
space := $(empty) $(empty)
B ?= build
Q := $(if $(filter 0,$(V)),@)
quiet := $(findstring s,$(firstword -$(MAKEFLAGS)))
say = $(if $(filter 0,$(V)),$(if $(quiet),,@printf '  %-6s %s\n' '$(1)' '$(2)'))

# --- flags -----------------------------------------------------------------------------------------------------------------------------------------

WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wwrite-strings
OPT := $(if $(filter-out 0,$(DEBUG)),-O0,-O2)
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
BASE := -std=gnu11 -g $(OPT) $(WARN) -D_GNU_SOURCE -DSOCKLEAK_VERSION='"$(VERSION)"' $(if $(HOMEPAGE),-DSOCKLEAK_HOMEPAGE='"$(HOMEPAGE)"') -fasynchronous-unwind-tables $(SANFLAGS)
# Reads the source maps of JavaScript programs, for the command alone, which is built without them where it is missing.
JANSSON := $(shell printf '\043include <jansson.h>\n' | $(CC) $(CPPFLAGS) $(CFLAGS) -E -xc - >/dev/null 2>&1 && { pkg-config --libs jansson 2>/dev/null || echo -ljansson; })
# _FORTIFY_SOURCE would turn the agent's own calls into the __*_chk names that it wraps. Thread-local storage must not allocate when it is first
# touched (a signal handler may be the first), so it is part of each thread's block from the start.
AGENT_CFLAGS := $(BASE) -fPIC -ffunction-sections -fdata-sections -fvisibility=hidden -ftls-model=initial-exec -U_FORTIFY_SOURCE
CLI_CFLAGS := $(BASE) -fPIE $(if $(JANSSON),,-DSOCKLEAK_WITHOUT_JANSSON)
# Programs whose stacks the tests and the demo read: every function keeps a frame of its own.
VICTIM_CFLAGS := -std=gnu11 -g -O1 -fno-inline -fno-optimize-sibling-calls $(WARN) -D_GNU_SOURCE -Iinclude -pthread
EXAMPLE_CFLAGS := -std=gnu11 -g -O1 -fno-inline $(WARN) -D_GNU_SOURCE -Iinclude -pthread
UNIT_CFLAGS := $(BASE) -Wno-missing-prototypes -Ilib -Iinclude -pthread

# now: lazy binding would run the loader's resolver inside a signal handler or a vfork child. nodelete: the wrappers stay in other objects' tables.
# defs: no undefined symbol, but with clang's sanitizers, whose runtime is in the program alone. sort-section: LARGE_TABLE (sys.h).
AGENT_LDFLAGS := -shared -Wl,-soname,$(SONAME) -Wl,-z,now -Wl,-z,relro $(if $(SAN),,-Wl$(comma)-z$(comma)defs) -Wl,-z,nodelete -Wl,--build-id -Wl,--as-needed -Wl,--sort-section=alignment
AGENT_MAP := $(wildcard lib/agent/libsockleak.map)
AGENT_LIBS := -ldl -lpthread
CLI_LDFLAGS := -pie -Wl,-z,now -Wl,-z,relro -Wl,--build-id -Wl,--as-needed
CLI_LIBS = -ldw -lelf -lunwind-ptrace -lunwind-generic -lunwind -lmnl $(JANSSON) $(shell pkg-config --libs ncursesw 2>/dev/null || echo -lncursesw -ltinfo) -liberty -ldl -lpthread

# --- sources ---------------------------------------------------------------------------------------------------------------------------------------

# The second tier of the capture alone (CAPTURE=unwind), or the own walk with the second tier behind it (CAPTURE=walk).
ifeq ($(CAPTURE),walk)
CAPTURE_OUT := lib/agent/unwind/walk_none.c
else ifeq ($(CAPTURE),unwind)
CAPTURE_OUT := $(addprefix lib/agent/unwind/,walk.c step.c rule.c stack_cache.c stack_memory.c)
else
$(error CAPTURE=$(CAPTURE): write CAPTURE=walk or CAPTURE=unwind)
endif

# The library's own memcpy, strlen and kin; a sanitizer checks what its own are given.
BYTES_OUT := $(if $(SAN),lib/agent/base/bytes.c)

CORE_SRC := $(sort $(wildcard lib/core/*.c))
AGENT_SRC := $(sort $(filter-out $(CAPTURE_OUT) $(BYTES_OUT),$(wildcard lib/agent/*.c lib/agent/*/*.c)))
CLI_SRC := $(sort $(wildcard lib/cli/*.c lib/cli/*/*.c))
UNIT_SRC := $(sort $(wildcard tests/unit/test_*.c))
# A unit test that includes nothing of the agent is pure: `make unit-pure` links it with lib/core alone; `make check` runs these under the sanitizers.
PURE_SRC := $(if $(filter unit-pure print-unit-pure,$(MAKECMDGOALS)),$(shell for t in $(UNIT_SRC); do $(CC) -MM -D_GNU_SOURCE -Ilib -Iinclude "$$t" | grep -q 'lib/agent/' || echo "$$t"; done))
VICTIM_SRC := $(sort $(wildcard tests/victims/*.c))
EXAMPLE_SRC := $(sort $(wildcard examples/*.c))

obj = $(patsubst lib/%,$(B)/obj/$(1)/%.o,$(basename $(2)))
CORE_PIC := $(call obj,pic,$(CORE_SRC))
AGENT_PIC := $(call obj,pic,$(AGENT_SRC))
# What runs for a report, at the start or on the watcher alone is kept small: much of it is in each process' memory.
AGENT_SELDOM := $(filter-out $(B)/obj/pic/core/state.o $(B)/obj/pic/core/judge.o,$(CORE_PIC)) $(call obj,pic,lib/agent/api.c \
	$(addprefix lib/agent/,base/log.c base/clocks.c base/proc_files.c base/descriptors.c elf/exports.c elf/object_list.c elf/symbol_tables.c libc/libdl.c libc/next_symbol.c stacks/modules.c track/start_set.c report/counts.c \
	watch/reporter.c watch/blocked.c watch/connection.c watch/discover.c watch/held_check.c watch/holders.c watch/last_thread.c \
	watch/marker.c watch/rights.c watch/waiters.c watch/watcher.c table/bound.c unwind/libunwind_walk.c unwind/libunwind_load.c table/state_dir.c table/state_file.c \
	table/program_defaults.c elf/elf.c elf/dynamic.c report/build.c report/select.c report/forecast.c report/generated.c report/idle.c report/suppressions.c report/watched.c) \
	$(wildcard lib/agent/inject/*.c lib/agent/process/*.c lib/agent/symbolize/*.c))
$(AGENT_SELDOM): AGENT_CFLAGS += $(if $(filter -O2,$(OPT)),-Os)
$(B)/obj/pic/agent/base/bytes.o: AGENT_CFLAGS += -fno-builtin
# What an ordinary process runs lies together, so that the rest is in nobody's memory.
AGENT_RESIDENT := -Wl,-T,lib/agent/resident.ld -Wl,-Map,$(B)/libsockleak.map
CLI_OBJ := $(call obj,cli,$(CLI_SRC) $(CORE_SRC))
# The wrappers carry libc's names: in a test program they would take over the test's own calls.
TEST_PIC := $(CORE_PIC) $(filter-out $(B)/obj/pic/agent/wrap/%,$(AGENT_PIC))
UNIT := $(UNIT_SRC:tests/unit/%.c=$(B)/unit/%)
PURE := $(PURE_SRC:tests/unit/%.c=$(B)/unit/%)
VICTIMS := $(VICTIM_SRC:tests/victims/%.c=$(B)/victims/%)
EXAMPLES := $(EXAMPLE_SRC:examples/%.c=$(B)/examples/%)

# --- targets ---------------------------------------------------------------------------------------------------------------------------------------

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all agent cli examples victims unit unit-pure print-unit-pure setup demo check check-hosts check-runtimes check-containers guards mutate bench bench-quick fuzz lint tidy install uninstall dist deb help clean FORCE

all: agent cli ## build build/libsockleak.so and build/sockleak
agent: $(B)/libsockleak.so ## build/libsockleak.so alone
cli: $(if $(CLI_SRC),$(B)/sockleak) ## build/sockleak alone
examples: $(EXAMPLES) ## the example programs
victims: $(VICTIMS) ## the programs that the end-to-end tests look at
unit: $(UNIT) ## the unit tests, built and not run; with SAN= too
ifneq ($(filter unit-pure print-unit-pure,$(MAKECMDGOALS)),)
unit-pure: $(PURE) ## those of them that need lib/core alone
print-unit-pure:
	@printf '%s\n' $(PURE)
endif

# Two stamps, each rewritten only when what it holds has changed: the flags (recompile) and the lists of sources (relink).
flags_now := $(CC)|$(CFLAGS)|$(CPPFLAGS)|$(LDFLAGS)|$(AGENT_CFLAGS)|$(CLI_CFLAGS)|$(UNIT_CFLAGS)|$(VICTIM_CFLAGS)|$(EXAMPLE_CFLAGS)
lists_now := $(CORE_SRC) $(AGENT_SRC) | $(CLI_SRC) | $(AGENT_LDFLAGS)
stale = $(if $(filter-out x$(subst $(space),~,$(file <$(1))),x$(subst $(space),~,$(2))),FORCE)
$(B)/flags: $(call stale,$(B)/flags,$(flags_now))
	@:$(shell mkdir -p $(@D))$(file >$@,$(flags_now))
$(B)/lists: $(call stale,$(B)/lists,$(lists_now))
	@:$(shell mkdir -p $(@D))$(file >$@,$(lists_now))
FORCE:

$(B)/libsockleak.so: $(CORE_PIC) $(AGENT_PIC) $(AGENT_MAP) lib/agent/resident.ld $(B)/lists
	$(call say,LINK,$@)
	$(Q)$(CC) $(AGENT_LDFLAGS) $(SANFLAGS) $(AGENT_MAP:%=-Wl,--version-script=%) $(AGENT_RESIDENT) $(LDFLAGS) -o $@ $(CORE_PIC) $(AGENT_PIC) $(AGENT_LIBS)

$(B)/sockleak: $(CLI_OBJ) $(B)/lists
	$(call say,LINK,$@)
	$(Q)$(CC) $(CLI_LDFLAGS) $(SANFLAGS) $(LDFLAGS) -o $@ $(CLI_OBJ) $(CLI_LIBS)
	$(if $(JANSSON),,@echo 'sockleak: built without source maps of JavaScript programs, for jansson.h is not there (Debian: libjansson-dev)')

$(B)/libagent_test.a: $(TEST_PIC) $(B)/lists
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar qcs $@ $(TEST_PIC)
$(B)/libcore_test.a: $(CORE_PIC) $(B)/lists
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $(CORE_PIC)

compile = $(Q)mkdir -p $(@D) && $(CC) $(1) -MMD -MP -MF $@.d -MT $@ $(CPPFLAGS) $(CFLAGS)
# -U again, last: packagers put -D_FORTIFY_SOURCE=2 into CPPFLAGS.
$(B)/obj/pic/%.o: lib/%.c $(B)/flags
	$(call say,CC,$<)
	$(call compile,$(AGENT_CFLAGS)) -U_FORTIFY_SOURCE -c -o $@ $<
$(B)/obj/pic/%.o: lib/%.S $(B)/flags
	$(call say,AS,$<)
	$(call compile,$(AGENT_CFLAGS)) -c -o $@ $<
$(B)/obj/cli/%.o: lib/%.c $(B)/flags
	$(call say,CC,$<)
	$(call compile,$(CLI_CFLAGS)) -c -o $@ $<

$(B)/unit/%: tests/unit/%.c $(B)/flags
	$(call say,TEST,$@)
	$(call compile,$(UNIT_CFLAGS)) -Wl,--build-id $(LDFLAGS) -o $@ $< $(filter %.a,$^) -lcmocka -ldl -lpthread
$(filter-out $(PURE),$(UNIT)): $(B)/libagent_test.a
$(PURE): $(B)/libcore_test.a

$(B)/victims/%: tests/victims/%.c $(B)/flags
	$(call say,VICTIM,$@)
	$(call compile,$(VICTIM_CFLAGS)) -Wl,--build-id $(LDFLAGS) -o $@ $< -ldl
$(B)/examples/%: examples/%.c $(B)/flags
	$(call say,CC,$<)
	$(call compile,$(EXAMPLE_CFLAGS)) -Wl,--build-id $(LDFLAGS) -o $@ $<

# libFuzzer's programs; tests/fuzz/run calls this with CC=clang SAN=fuzzer-no-link,address,undefined.
$(B)/fuzz_%: tests/fuzz/fuzz_%.c $(B)/libagent_test.a $(B)/flags
	$(call say,FUZZ,$@)
	$(call compile,$(UNIT_CFLAGS)) -fsanitize=fuzzer $(LDFLAGS) -o $@ $< $(B)/libagent_test.a -lmnl -ldl -lpthread $(JANSSON)

# A folder below tests/ or examples/ that needs rules of its own keeps them beside its files.
include $(wildcard tests/*/*.mk examples/*/*.mk)
-include $(wildcard $(B)/obj/*/*/*.d $(B)/obj/*/*/*/*.d $(B)/unit/*.d $(B)/victims/*.d $(B)/examples/*.d)

# --- what people call ------------------------------------------------------------------------------------------------------------------------------

jobs = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))
demo: ## set up what is missing, build, show the CLOSE_WAIT and FIN_WAIT_2 story
	@scripts/setup --demo
	@$(MAKE) --no-print-directory $(jobs) all examples
	@scripts/demo $(B)
check: ## set up what is missing, build, run every test
	@scripts/setup --check
	@MAKE='$(MAKE)' scripts/check $(B)
check-hosts: ## real servers and runtimes with and without the agent (HOSTS='nginx redis', HOSTS=quick, HOSTS=stress)
	@scripts/setup --check
	@$(MAKE) --no-print-directory $(jobs) all
	@HOSTS='$(HOSTS)' tests/hosts/run $(B)
check-runtimes: ## the stacks of language runtimes against what the runtimes say themselves: all versions that can be had (RUNTIMES='cpython')
	@scripts/setup --check --runtimes
	@$(MAKE) --no-print-directory $(jobs) all
	@tests/runtimes/run --long $(B) $(RUNTIMES)
check-containers: ## attach from outside into containers of other Debian releases; needs root and a mirror (RELEASES='trixie bullseye')
	@scripts/setup --check --runtimes
	@$(MAKE) --no-print-directory $(jobs) all
	@SOCKLEAK_BUILD=$(B) tests/containers/run $(RELEASES)
guards: ## take out each guard of tests/guards/*.list, one after the other: a test must fail (GUARDS=PATTERN)
	@scripts/setup --check
	@scripts/mutate --guards '$(GUARDS)'
mutate: ## random one-line mutants of lib/agent and lib/core: which survive the tests (SAMPLE=200 SEED=1 FILES=PATTERN)
	@scripts/setup --check
	@scripts/mutate $(SAMPLE:%=--sample %) $(SEED:%=--seed %) $(if $(FILES),--files '$(FILES)')
bench: ## the benchmarks: a table of ratios, and build/bench.json; fails when a goal is missed
	@scripts/setup --bench
	@$(MAKE) --no-print-directory $(jobs) all
	@tests/bench/run $(B)
bench-quick: ## the short form, under a minute; says which goals are missed, and does not fail
	@scripts/setup --check
	@$(MAKE) --no-print-directory $(jobs) all
	@tests/bench/run --quick $(B)
fuzz: ## feed damaged input to every decoder for a while (FUZZ_SECONDS=60)
	@FUZZ_SECONDS='$(FUZZ_SECONDS)' tests/fuzz/run $(B)
lint: ## clang-format, clang-tidy, cppcheck, shellcheck
	@scripts/setup --lint
	@scripts/lint
tidy: ## format the C files as `make lint` wants them
	clang-format -i $(shell git ls-files '*.c' '*.h')
setup: ## install what a build needs and is missing
	@scripts/setup --demo --check

MAN1 := $(wildcard lib/cli/*.1)
MAN3 := $(wildcard include/*.3)
install: all ## PREFIX=/usr/local DESTDIR=
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man3
	install -m 755 $(B)/libsockleak.so $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libsockleak.so
	$(if $(CLI_SRC),install -m 755 $(B)/sockleak $(DESTDIR)$(PREFIX)/bin/sockleak)
	install -m 644 include/sockleak.h $(DESTDIR)$(PREFIX)/include/sockleak.h
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@VERSION@|$(VERSION)|' include/sockleak.pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/sockleak.pc
	install -d $(DESTDIR)$(LIBDIR)/cmake/sockleak
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@VERSION@|$(VERSION)|' include/sockleakConfig.cmake.in > $(DESTDIR)$(LIBDIR)/cmake/sockleak/sockleakConfig.cmake
	$(if $(MAN1),install -m 644 $(MAN1) $(DESTDIR)$(PREFIX)/share/man/man1)
	$(if $(MAN3),install -m 644 $(MAN3) $(DESTDIR)$(PREFIX)/share/man/man3)
	install -D -m 644 lib/cli/completions/sockleak.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/sockleak
	install -D -m 644 lib/cli/completions/_sockleak $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_sockleak
	install -D -m 644 lib/cli/completions/sockleak.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/sockleak.fish
	find examples \( -name build -o -name target -o -name node_modules -o -name __pycache__ -o -name .gitignore \) -prune -o -type f -exec sh -c 'for f; do \
	  mode=644; [ ! -x "$$f" ] || mode=755; install -D -m $$mode "$$f" "$(DESTDIR)$(PREFIX)/share/doc/sockleak/$$f"; done' sh {} +

uninstall: ## with the same PREFIX and DESTDIR
	rm -f $(DESTDIR)$(LIBDIR)/$(SONAME) $(DESTDIR)$(LIBDIR)/libsockleak.so $(DESTDIR)$(LIBDIR)/pkgconfig/sockleak.pc
	rm -f $(DESTDIR)$(PREFIX)/bin/sockleak $(DESTDIR)$(PREFIX)/include/sockleak.h $(DESTDIR)$(LIBDIR)/cmake/sockleak/sockleakConfig.cmake
	-rmdir $(DESTDIR)$(LIBDIR)/cmake/sockleak 2>/dev/null
	rm -f $(DESTDIR)$(PREFIX)/share/bash-completion/completions/sockleak $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_sockleak
	rm -f $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/sockleak.fish
	rm -f $(DESTDIR)$(PREFIX)/share/man/man1/sockleak.1 $(DESTDIR)$(PREFIX)/share/man/man3/sockleak.3
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/sockleak/examples
	-rmdir $(DESTDIR)$(PREFIX)/share/doc/sockleak 2>/dev/null
dist: ## build/sockleak-VERSION.tar.gz from the last commit
	@mkdir -p build
	git archive --prefix=sockleak-$(VERSION)/ -o build/sockleak-$(VERSION).tar.gz HEAD
	@echo build/sockleak-$(VERSION).tar.gz
deb: ## build/sockleak_VERSION_ARCH.deb, by dpkg-buildpackage
	@scripts/setup --deb
	@scripts/build-deb $(B) $(VERSION)

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | while IFS="$$(printf '\t')" read -r t d; do printf '  make %-12s %s\n' "$$t" "$$d"; done
	@echo 'With each of them: V=1 DEBUG=1 SAN=address,undefined|thread CC= CAPTURE=unwind B=build'
	@echo '  (shows the commands; -O0; sanitizers; the compiler; stacks by libunwind alone; the folder that everything goes to)'
clean: ## remove what was built
	rm -rf build
