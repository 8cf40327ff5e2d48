# SPDX-License-Identifier: MIT
# holes.mk: a test that is linked with holes between its segments, as node and many of Ubuntu's programs are.
$(B)/unit/test_holes: UNIT_CFLAGS += -no-pie -Wl,-z,max-page-size=0x200000 -Wl,-z,separate-code -Wl,-z,now
