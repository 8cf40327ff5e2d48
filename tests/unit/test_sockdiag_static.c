/* SPDX-License-Identifier: MIT */
/*
 * test_sockdiag_static.c: the tests of test_sockdiag.c once more, with what stands in for libmnl where the command has everything linked in.
 */
#include "test_sockdiag.c"

#include "cli/static/mnl.c"
