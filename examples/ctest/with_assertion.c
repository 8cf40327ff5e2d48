/* SPDX-License-Identifier: MIT */
/* with_assertion.c: a test program without a harness. */
#include <sockleak.h>

#include "../login/login.h"

int main(void)
{
    sockleak_mark_t start = sockleak_mark();
    int result = login("");
    SOCKLEAK_ASSERT_NONE(start);
    return result != -1;
}
