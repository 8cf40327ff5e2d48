// SPDX-License-Identifier: MIT
// test_login.cc: GoogleTest. A listener asserts after every test: the tests themselves need no line.
#include <gtest/gtest.h>

#define SOCKLEAK_FAIL(message) ADD_FAILURE() << message
#include <sockleak.h>

#include "../login/login.h"

class NoLeakedSockets : public testing::EmptyTestEventListener {
    sockleak_mark_t start = 0;
    void OnTestStart(const testing::TestInfo &) override { start = sockleak_mark(); }
    void OnTestEnd(const testing::TestInfo &) override { SOCKLEAK_ASSERT_NONE(start); }
};

TEST(Login, RefusesNobody)
{
    EXPECT_EQ(login(""), -1);
}

int main(int argc, char **argv)
{
    testing::InitGoogleTest(&argc, argv);
    testing::UnitTest::GetInstance()->listeners().Append(new NoLeakedSockets);
    return RUN_ALL_TESTS();
}
