# SPDX-License-Identifier: MIT
# faults.mk: the tracer that lets the library's own system calls fail, and the program that runs meanwhile.
FAULTS := $(B)/faults/inject $(B)/faults/victim
$(B)/faults/%: tests/faults/%.c $(B)/flags
	$(call say,TEST,$@)
	$(call compile,$(VICTIM_CFLAGS)) -o $@ $<
victims: $(FAULTS)
-include $(FAULTS:=.d)
