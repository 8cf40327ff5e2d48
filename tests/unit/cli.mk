# SPDX-License-Identifier: MIT
# cli.mk: what the unit tests of the command's parts link with besides cmocka.
$(B)/unit/test_sockdiag: UNIT_CFLAGS += -Wl,--no-as-needed -lmnl -Wl,--as-needed
