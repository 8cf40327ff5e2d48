# SPDX-License-Identifier: MIT
# Makefile: builds libsockleak.so (the agent), sockleak (the command), the tests' programs and the examples.
# `make help` lists the targets. GNU make 4.3. Everything that is made goes into build/, whatever the compiler and the flags: when these change, all is
# compiled again. Who wants a variant beside another says B=build/NAME.

VERSION := 0.1.0
# The C library that the agent is built for: `make musl` calls this Makefile again with LIBC=musl.
LIBC ?= glibc
LIBRARY := libsockleak$(if $(filter musl,$(LIBC)),-musl).so
SONAME := $(LIBRARY).0

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
MUSL_CC ?= musl-gcc
MUSL_ALSO ?=

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
# `sockleak export` and profiles, for the command alone too. libmicrohttpd is loaded when it is needed (lib/cli/export/http.c).
has_header = $(shell printf '\043include <$(1)>\n' | $(CC) $(CPPFLAGS) $(CFLAGS) -E -xc - >/dev/null 2>&1 && echo yes)
MICROHTTPD := $(call has_header,microhttpd.h)
PROTOC_C := $(shell command -v protoc-c)
PROTOBUF := $(if $(and $(PROTOC_C),$(call has_header,protobuf-c/protobuf-c.h),$(call has_header,zlib.h)),-lprotobuf-c -lz)
# musl has no headers of the kernel; its loader accepts TLS of the dynamic models alone in what dlopen loads, and TLS descriptors are the cheapest.
ifeq ($(LIBC),musl)
KERNEL_INCLUDE := $(B)/kernel-include
KERNEL_HEADERS := $(if $(wildcard $(MUSL_INCLUDE)/linux),,$(KERNEL_INCLUDE)/linux)
KERNEL_CFLAGS := $(if $(KERNEL_HEADERS),-idirafter $(KERNEL_INCLUDE))
LIBC_CFLAGS := $(KERNEL_CFLAGS) $(shell $(CC) -mtls-dialect=gnu2 -E -xc /dev/null >/dev/null 2>&1 && echo -mtls-dialect=gnu2)
else
LIBC_CFLAGS := -ftls-model=initial-exec
endif
# _FORTIFY_SOURCE would turn the agent's own calls into the __*_chk names that it wraps. Thread-local storage must not allocate when it is first
# touched (a signal handler may be the first), so it is part of each thread's block from the start.
AGENT_CFLAGS := $(BASE) -fPIC -ffunction-sections -fdata-sections -fvisibility=hidden $(LIBC_CFLAGS) -U_FORTIFY_SOURCE
CLI_CFLAGS := $(BASE) -fPIE $(if $(JANSSON),,-DSOCKLEAK_WITHOUT_JANSSON) $(if $(MICROHTTPD),,-DSOCKLEAK_WITHOUT_MICROHTTPD) $(if $(PROTOBUF),,-DSOCKLEAK_WITHOUT_PROTOBUF)
# Programs whose stacks the tests and the demo read: every function keeps a frame of its own.
VICTIM_CFLAGS := -std=gnu11 -g -O1 -fno-inline -fno-optimize-sibling-calls $(WARN) -D_GNU_SOURCE -Iinclude -pthread $(KERNEL_CFLAGS)
EXAMPLE_CFLAGS := -std=gnu11 -g -O1 -fno-inline $(WARN) -D_GNU_SOURCE -Iinclude -pthread
UNIT_CFLAGS := $(BASE) -Wno-missing-prototypes -Ilib -Iinclude -pthread

# now: lazy binding would run the loader's resolver inside a signal handler or a vfork child. nodelete: the wrappers stay in other objects' tables.
# defs: no undefined symbol, but with clang's sanitizers, whose runtime is in the program alone. separate-code: resident.ld. sort-section: LARGE_TABLE (sys.h).
AGENT_LDFLAGS := -shared -Wl,-soname,$(SONAME) -Wl,-z,now -Wl,-z,relro $(if $(SAN),,-Wl$(comma)-z$(comma)defs) -Wl,-z,nodelete -Wl,-z,separate-code -Wl,--build-id -Wl,--as-needed -Wl,--sort-section=alignment
AGENT_MAP := $(wildcard lib/agent/libsockleak.map)
ifeq ($(LIBC),musl)
# what process/exit_call_musl.c takes over besides
AGENT_MAP := $(B)/exports.map
# musl-gcc does not ask the linker for it, as the compilers of musl's distributions do: the sorted table through which unwind tables are found
LIBC_LDFLAGS := -Wl,--eh-frame-hdr
endif
AGENT_LIBS := -ldl -lpthread
# All that the command needs in one file that no loader has to load, the C library too. Not a position-independent one: libunwind's archives are not.
STATIC_WRAPPED := getpwuid getaddrinfo freeaddrinfo setlocale dlopen dlsym dlclose newterm
STATIC_LDFLAGS := -static -no-pie -s -Wl,-z,relro -Wl,-z,noexecstack -Wl,--build-id $(STATIC_WRAPPED:%=-Wl,--wrap=%)
archive_of = $(filter /%,$(shell $(CC) -print-file-name=lib$(1).a))
STATIC_LIBS = -Wl,--start-group $(foreach l,dw elf unwind-ptrace unwind-generic unwind $(if $(JANSSON),jansson) $(if $(PROTOBUF),protobuf-c) ncursesw iberty z,-l$l) \
	$(foreach l,mnl tinfo lzma bz2 zstd,$(if $(call archive_of,$l),-l$l)) -Wl,--end-group
CLI_LDFLAGS := -pie -Wl,-z,now -Wl,-z,relro -Wl,--build-id -Wl,--as-needed
CLI_LIBS = -ldw -lelf -lunwind-ptrace -lunwind-generic -lunwind -lmnl $(JANSSON) $(PROTOBUF) $(shell pkg-config --libs ncursesw 2>/dev/null || echo -lncursesw -ltinfo) -liberty -ldl -lpthread

# --- sources ---------------------------------------------------------------------------------------------------------------------------------------

# The second tier of the capture alone (CAPTURE=unwind), or the own walk with the second tier behind it (CAPTURE=walk).
ifeq ($(CAPTURE),walk)
CAPTURE_OUT := lib/agent/unwind/walk_none.c
else ifeq ($(CAPTURE),unwind)
CAPTURE_OUT := $(addprefix lib/agent/unwind/,walk.c step.c rule.c stack_cache.c stack_memory.c)
else
$(error CAPTURE=$(CAPTURE): write CAPTURE=walk or CAPTURE=unwind)
endif

# What differs between the C libraries, in files of its own; there is no libunwind for musl.
LIBC_OUT := $(if $(filter musl,$(LIBC)),%_glibc.c lib/agent/unwind/libunwind_walk.c lib/agent/unwind/libunwind_load.c,%_musl.c lib/agent/unwind/libunwind_none.c)

# The library's own memcpy, strlen and kin; a sanitizer checks what its own are given.
BYTES_OUT := $(if $(SAN),lib/agent/base/bytes.c)

CORE_SRC := $(sort $(wildcard lib/core/*.c))
AGENT_SRC := $(sort $(filter-out $(CAPTURE_OUT) $(BYTES_OUT) $(LIBC_OUT),$(wildcard lib/agent/*.c lib/agent/*/*.c)))
# In place of what a command that has everything linked in cannot have: for `make dist-bin` alone.
STATIC_SRC := $(sort $(wildcard lib/cli/static/*.c))
CLI_SRC := $(sort $(filter-out $(STATIC_SRC),$(wildcard lib/cli/*.c lib/cli/*/*.c lib/cli/*/*.S)))
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
	$(addprefix lib/agent/,base/log.c base/clocks.c base/proc_files.c base/close_all.c base/descriptors.c elf/exports.c elf/object_list.c elf/symbol_tables.c libc/libdl.c libc/next_symbol.c stacks/modules.c track/start_set.c report/counts.c \
	watch/reporter.c watch/blocked.c watch/connection.c watch/discover.c watch/held_check.c watch/holders.c watch/last_thread.c \
	watch/marker.c watch/rights.c watch/waiters.c watch/watcher.c table/bound.c unwind/libunwind_walk.c unwind/libunwind_load.c table/state_dir.c table/state_file.c \
	table/program_defaults.c elf/elf.c elf/dynamic.c report/build.c report/select.c report/forecast.c report/generated.c report/idle.c report/suppressions.c report/watched.c) \
	$(wildcard lib/agent/inject/*.c lib/agent/process/*.c lib/agent/symbolize/*.c))
$(AGENT_SELDOM): AGENT_CFLAGS += $(if $(filter -O2,$(OPT)),-Os)
$(B)/obj/pic/agent/base/bytes.o: AGENT_CFLAGS += -fno-builtin
# What an ordinary process runs lies together, so that the rest is in nobody's memory.
AGENT_RESIDENT := -Wl,-T,lib/agent/resident.ld -Wl,-Map,$(B)/libsockleak.map
STATIC_OBJ = $(filter-out $(if $(call archive_of,mnl),%/mnl.o),$(call obj,cli,$(STATIC_SRC)))
CLI_OBJ := $(call obj,cli,$(CLI_SRC) $(CORE_SRC)) $(if $(PROTOBUF),$(B)/obj/proto/profile.o $(B)/obj/proto/otlp.o)
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
.PHONY: all agent musl cli examples victims unit unit-pure print-unit-pure setup demo check check-hosts check-runtimes check-trace check-containers check-platforms guards mutate bench bench-quick pictures fuzz lint tidy install uninstall dist dist-bin deb help clean FORCE

all: agent cli ## build build/libsockleak.so and build/sockleak
agent: $(B)/$(LIBRARY) ## build/libsockleak.so alone
musl: ## build/libsockleak-musl.so, for programs of musl (needs musl-gcc; MUSL_CC=)
	@command -v $(firstword $(MUSL_CC)) >/dev/null || { echo 'make musl: no $(firstword $(MUSL_CC)) here; install musl-tools (Debian), or name musl'\''s compiler in MUSL_CC' >&2; exit 1; }
	@$(MAKE) --no-print-directory LIBC=musl CC='$(MUSL_CC)' B=$(B)/musl agent $(MUSL_ALSO)
	$(Q)ln -f $(B)/musl/libsockleak-musl.so $(B)/libsockleak-musl.so
	$(Q)scripts/link-preload $(B)
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
flags_now := $(CC)|$(CFLAGS)|$(CPPFLAGS)|$(LDFLAGS)|$(LIBC_LDFLAGS)|$(AGENT_CFLAGS)|$(CLI_CFLAGS)|$(UNIT_CFLAGS)|$(VICTIM_CFLAGS)|$(EXAMPLE_CFLAGS)
lists_now := $(CORE_SRC) $(AGENT_SRC) | $(CLI_SRC) | $(AGENT_LDFLAGS)
stale = $(if $(filter-out x$(subst $(space),~,$(file <$(1))),x$(subst $(space),~,$(2))),FORCE)
$(B)/flags: $(call stale,$(B)/flags,$(flags_now))
	@:$(shell mkdir -p $(@D))$(file >$@,$(flags_now))
$(B)/lists: $(call stale,$(B)/lists,$(lists_now))
	@:$(shell mkdir -p $(@D))$(file >$@,$(lists_now))
FORCE:

$(B)/$(LIBRARY): $(CORE_PIC) $(AGENT_PIC) $(AGENT_MAP) lib/agent/resident.ld $(B)/lists
	$(call say,LINK,$@)
	$(Q)$(CC) $(AGENT_LDFLAGS) $(LIBC_LDFLAGS) $(SANFLAGS) $(AGENT_MAP:%=-Wl,--version-script=%) $(AGENT_RESIDENT) $(LDFLAGS) -o $@ $(CORE_PIC) $(AGENT_PIC) $(AGENT_LIBS)

$(B)/exports.map: lib/agent/libsockleak.map $(B)/flags
	$(Q)sed 's/^global:/&\n    exit;\n    __libc_start_main;/' $< >$@
# links, so that nothing else of the system's headers is found
$(B)/kernel-include/linux:
	$(Q)mkdir -p $(@D) && for d in linux asm-generic asm; do \
	  for from in /usr/include /usr/include/$$($(CC) -dumpmachine) /usr/include/$$(uname -m)-linux-gnu; do [ ! -e $$from/$$d ] || { ln -sfn $$from/$$d $(@D)/$$d; break; }; done; done

$(B)/sockleak: $(CLI_OBJ) $(B)/lists
	$(call say,LINK,$@)
	$(Q)$(CC) $(CLI_LDFLAGS) $(SANFLAGS) $(LDFLAGS) -o $@ $(CLI_OBJ) $(CLI_LIBS)
	$(if $(MICROHTTPD),,@echo 'sockleak: built without export --listen, for microhttpd.h is not there (Debian: libmicrohttpd-dev)')
	$(if $(PROTOBUF),,@echo 'sockleak: built without profiles and OTLP, for protobuf-c, protoc-c or zlib is not there (Debian: libprotobuf-c-dev, protobuf-c-compiler, zlib1g-dev)')
	$(if $(JANSSON),,@echo 'sockleak: built without source maps of JavaScript programs, for jansson.h is not there (Debian: libjansson-dev)')

# The two of `make dist-bin`. Without what is for debuggers, so that the same source gives the same bytes in any folder.
$(B)/dist/sockleak: $(CLI_OBJ) $(call obj,cli,$(STATIC_SRC)) $(B)/lists
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(STATIC_LDFLAGS) $(LDFLAGS) -Wl,-Map,$@.map -o $@ $(CLI_OBJ) $(STATIC_OBJ) $(STATIC_LIBS)
$(B)/dist/libsockleak.so: $(CORE_PIC) $(AGENT_PIC) $(AGENT_MAP) lib/agent/resident.ld $(B)/lists
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(AGENT_LDFLAGS) -s $(AGENT_MAP:%=-Wl,--version-script=%) -Wl,-T,lib/agent/resident.ld $(LDFLAGS) -o $@ $(CORE_PIC) $(AGENT_PIC) $(AGENT_LIBS)
$(B)/dist/terminals.inc: scripts/terminals
	$(Q)mkdir -p $(@D) && scripts/terminals >$@
$(B)/obj/cli/cli/static/terminals.o: $(B)/dist/terminals.inc
$(B)/obj/cli/cli/static/terminals.o: CLI_CFLAGS += -I$(B)/dist

$(B)/libagent_test.a: $(TEST_PIC) $(B)/lists
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar qcs $@ $(TEST_PIC)
$(B)/libcore_test.a: $(CORE_PIC) $(B)/lists
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $(CORE_PIC)

# WERROR=1, for lint: it is none of the stamp's flags, so that what was made with it is not made again.
# The target in the .d file has $(B) as it is written: the same folder may have another name the next time (B=$PWD/build).
compile = $(Q)mkdir -p $(@D) && $(CC) $(1) -MMD -MP -MF $@.d -MT '$$(B)/$(@:$(B)/%=%)' $(CPPFLAGS) $(CFLAGS) $(if $(WERROR),-Werror)
# -U again, last: packagers put -D_FORTIFY_SOURCE=2 into CPPFLAGS.
$(B)/obj/pic/%.o: lib/%.c $(B)/flags $(KERNEL_HEADERS)
	$(call say,CC,$<)
	$(call compile,$(AGENT_CFLAGS)) -U_FORTIFY_SOURCE -c -o $@ $<
$(B)/obj/pic/%.o: lib/%.S $(B)/flags
	$(call say,AS,$<)
	$(call compile,$(AGENT_CFLAGS)) -c -o $@ $<
$(B)/obj/cli/%.o: lib/%.c $(B)/flags
	$(call say,CC,$<)
	$(call compile,$(CLI_CFLAGS)) -c -o $@ $<

# The page of `report --format html` is in the command as it is.
$(B)/obj/cli/%.o: lib/%.S $(B)/flags
	$(call say,AS,$<)
	$(call compile,$(CLI_CFLAGS)) -Wa,-Ilib/cli/render/page -c -o $@ $<
$(B)/obj/cli/cli/render/page_files.o: $(wildcard lib/cli/render/page/*)

# Messages of pprof and OTLP: protoc-c makes C of them.
$(B)/proto/profile.pb-c.c: lib/cli/render/profile.proto
$(B)/proto/otlp.pb-c.c: lib/cli/export/otlp.proto
$(B)/proto/%.pb-c.c:
	$(call say,PROTO,$<)
	$(Q)mkdir -p $(@D) && $(PROTOC_C) --proto_path=$(dir $<) --c_out=$(@D) $<
$(B)/obj/proto/%.o: $(B)/proto/%.pb-c.c $(B)/flags
	$(call say,CC,$<)
	$(call compile,$(CLI_CFLAGS)) -fmacro-prefix-map=$(B)/= -c -o $@ $<
# For these alone: the stamp's flags are the same whatever name B has.
PROTO_USERS := $(if $(PROTOBUF),$(addprefix $(B)/obj/cli/cli/,render/pprof.o export/otlp.o))
$(PROTO_USERS): $(B)/proto/profile.pb-c.c $(B)/proto/otlp.pb-c.c
$(PROTO_USERS): CLI_CFLAGS += -I$(B)/proto

$(B)/unit/%: tests/unit/%.c $(B)/flags
	$(call say,TEST,$@)
	$(call compile,$(UNIT_CFLAGS)) -Wl,--build-id $(LDFLAGS) -o $@ $< $(filter %.a,$^) -lcmocka -ldl -lpthread
$(filter-out $(PURE),$(UNIT)): $(B)/libagent_test.a
$(PURE): $(B)/libcore_test.a

$(B)/victims/%: tests/victims/%.c $(B)/flags $(KERNEL_HEADERS)
	$(call say,VICTIM,$@)
	$(call compile,$(VICTIM_CFLAGS)) -Wl,--build-id $(LIBC_LDFLAGS) $(LDFLAGS) -o $@ $< -ldl
# It loads no library: it is watched from outside.
$(B)/victims/outside: LIBC_LDFLAGS += -static
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
check-trace: ## programs watched from outside: kill -9 of what watches, 1,000 times (KILLS=100), and Go's own network tests
	@scripts/setup --check
	@$(MAKE) --no-print-directory $(jobs) all $(B)/victims/outside
	@SOCKLEAK_BUILD=$(B) tests/stress/traced_kills $(KILLS)
	@SOCKLEAK_BUILD=$(B) tests/stress/traced_go
check-containers: ## attach from outside into containers of other Debian releases; needs root and a mirror (RELEASES='trixie bullseye')
	@scripts/setup --check --runtimes
	@$(MAKE) --no-print-directory $(jobs) all
	@SOCKLEAK_BUILD=$(B) tests/containers/run $(RELEASES)
check-platforms: ## build, demo and the main parts of check in other releases; needs root and a mirror (PLATFORMS='bullseye trixie sid jammy noble')
	@scripts/setup --check --runtimes
	@$(MAKE) --no-print-directory $(jobs) all
	@SOCKLEAK_BUILD=$(B) tests/platforms/run $(PLATFORMS)
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
pictures: ## the pictures of the README, by a headless Chromium
	@$(MAKE) --no-print-directory $(jobs) all examples
	@scripts/pictures $(B)
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
	if [ -e $(B)/libsockleak-musl.so ]; then install -m 755 $(B)/libsockleak-musl.so $(DESTDIR)$(LIBDIR)/libsockleak-musl.so && scripts/link-preload $(DESTDIR)$(LIBDIR) $(DESTDIR)$(PREFIX)/bin/sockleak; fi
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
	rm -rf $(DESTDIR)$(LIBDIR)/libsockleak-musl.so $(DESTDIR)$(LIBDIR)/sockleak-preload
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
dist-bin: ## build/sockleak-VERSION-linux-PROCESSOR.tar.gz: command and libraries for any distribution of this processor, with nothing to install
	@scripts/setup --dist
	@$(MAKE) --no-print-directory $(jobs) $(B)/dist/sockleak $(B)/dist/libsockleak.so
	@if command -v musl-gcc >/dev/null && grep -q '^musl:' Makefile; then $(MAKE) --no-print-directory $(jobs) musl; fi
	@CC='$(CC)' scripts/build-bin $(B) $(VERSION)
deb: ## build/sockleak_VERSION_ARCH.deb, by dpkg-buildpackage
	@scripts/setup --deb
	@scripts/build-deb $(B) $(VERSION)

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | while IFS="$$(printf '\t')" read -r t d; do printf '  make %-12s %s\n' "$$t" "$$d"; done
	@echo 'With each of them: V=1 DEBUG=1 SAN=address,undefined|thread CC= CAPTURE=unwind B=build'
	@echo '  (shows the commands; -O0; sanitizers; the compiler; stacks by libunwind alone; the folder that everything goes to)'
clean: ## remove what was built
	rm -rf build
