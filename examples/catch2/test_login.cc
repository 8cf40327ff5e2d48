// SPDX-License-Identifier: MIT
// test_login.cc: Catch2. A fixture's destructor must not throw, so it uses FAIL_CHECK, which records the failure and goes on.
#define CATCH_CONFIG_MAIN
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

#define SOCKLEAK_FAIL(message) FAIL_CHECK(message)
#include <sockleak.h>

#include "../login/login.h"

struct NoLeakedSockets {
    sockleak_mark_t start = sockleak_mark();
    ~NoLeakedSockets() { SOCKLEAK_ASSERT_NONE(start); }
};

TEST_CASE_METHOD(NoLeakedSockets, "a refused login leaks nothing")
{
    CHECK(login("") == -1);
}
