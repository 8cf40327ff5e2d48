# SPDX-License-Identifier: MIT
# trace.mk: what the tests of lib/cli/trace link with, and the programs that they walk from outside: each where its compiler is.
OUTSIDE := $(B)/victims/outside
OUTSIDE_C := $(OUTSIDE).static $(OUTSIDE).static-O2 $(OUTSIDE).stripped $(if $(shell command -v musl-gcc),$(OUTSIDE).musl)
OUTSIDE_GO := $(if $(shell command -v go),$(addprefix $(OUTSIDE).,go go-stripped go-pie go-cgo))
TRACE_TESTS := $(patsubst %,$(B)/unit/test_trace_%,walk match table)
$(TRACE_TESTS): $(B)/libcli_test.a $(shell $(CC) -print-file-name=libiberty.a)
$(B)/unit/test_trace_walk: $(B)/victims/outside_stacks $(OUTSIDE_C) $(OUTSIDE_GO)
$(TRACE_TESTS): UNIT_CFLAGS += -Wl,--no-as-needed -ldw -lelf -Wl,--as-needed

OUTSIDE_CFLAGS := -std=gnu11 -g $(WARN) -D_GNU_SOURCE -static -pthread
$(OUTSIDE).static: tests/victims/outside_stacks.c
	$(call say,VICTIM,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(OUTSIDE_CFLAGS) -O0 -o $@ $<
$(OUTSIDE).static-O2: tests/victims/outside_stacks.c
	$(call say,VICTIM,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(OUTSIDE_CFLAGS) -O2 -o $@ $<
$(OUTSIDE).stripped: $(OUTSIDE).static
	$(Q)strip -o $@ $<
$(OUTSIDE).musl: tests/victims/outside_stacks.c
	$(call say,VICTIM,$@)
	$(Q)mkdir -p $(@D) && musl-gcc $(OUTSIDE_CFLAGS) -O1 -o $@ $<

# A Go that cannot build one of them, for want of a C compiler of its own or of a folder to keep things in, is as none: the test says that it leaves it out.
GO_BUILD = $(Q)mkdir -p $(@D) && rm -f $@ && { GO111MODULE=off GOFLAGS= $(1) go build $(2) -o $@ $< || echo '$@: not built' >&2; }
$(OUTSIDE).go: tests/victims/outside.go
	$(call say,VICTIM,$@)
	$(call GO_BUILD,CGO_ENABLED=0)
$(OUTSIDE).go-stripped: tests/victims/outside.go
	$(call say,VICTIM,$@)
	$(call GO_BUILD,CGO_ENABLED=0,-ldflags='-s -w')
$(OUTSIDE).go-pie: tests/victims/outside.go
	$(call say,VICTIM,$@)
	$(call GO_BUILD,CGO_ENABLED=0,-buildmode=pie)
$(OUTSIDE).go-cgo: tests/victims/outside_cgo.go
	$(call say,VICTIM,$@)
	$(call GO_BUILD,CGO_ENABLED=1)
