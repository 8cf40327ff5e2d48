# SPDX-License-Identifier: MIT
# inject.mk: one small library, linked in the ways that its entries can come: lazily bound, bound at once and read-only, without stubs.
INJECT_LIBS := $(patsubst %,$(B)/unit/inject_%.so,lazy now noplt)
$(B)/unit/inject_lazy.so: INJECT_FLAGS := -Wl,-z,lazy -Wl,-z,norelro -Wl,--hash-style=both
$(B)/unit/inject_now.so: INJECT_FLAGS := -Wl,-z,now -Wl,-z,relro
$(B)/unit/inject_noplt.so: INJECT_FLAGS := -fno-plt -Wl,-z,now -Wl,-z,relro
$(INJECT_LIBS): tests/unit/inject_lib.h tests/unit/inject.mk $(B)/flags
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D) && $(CC) -std=gnu11 -O1 -fPIC -shared -D_GNU_SOURCE $(INJECT_FLAGS) -x c -o $@ $<
$(B)/unit/test_inject $(B)/unit/test_inject_dynamic: | $(INJECT_LIBS)
