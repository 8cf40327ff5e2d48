# SPDX-License-Identifier: MIT
# report.mk: the unit tests of the command's parts link with the command's own objects, all but its main.
CLI_TEST_OBJ := $(filter-out %/cli/main.o,$(CLI_OBJ))
$(B)/libcli_test.a: $(CLI_TEST_OBJ) $(B)/lists
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $(CLI_TEST_OBJ)
REPORT_TESTS := $(patsubst %,$(B)/unit/test_%,load model once equal folded junit sarif paths process perf_file owner explain source_map source_files diff json_lines redact library export pprof html growth_index inner)
$(REPORT_TESTS): $(B)/libcli_test.a $(shell $(CC) -print-file-name=libiberty.a)
$(REPORT_TESTS): UNIT_CFLAGS += -Wl,--no-as-needed -ldw -lelf -lmnl $(JANSSON) $(PROTOBUF) -Wl,--as-needed
$(if $(PROTOBUF),$(B)/unit/test_pprof $(B)/unit/test_redact: UNIT_CFLAGS += -I$(B)/proto -DWITH_PROTOBUF)
