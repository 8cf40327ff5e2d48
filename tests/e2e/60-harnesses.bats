#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The examples for each test harness, against the real harness: the leaking test fails and names the place, the fixed one passes, and without the agent
# it says that it could not see.

bats_require_minimum_version 1.5.0
load helpers

setup()
{
    helpers_setup
    cp -r "$TOP/examples" "$TESTTMP/ex"
    EX=$TESTTMP/ex
    export SOCKLEAK OUT=$TESTTMP/out UNDER="$SOCKLEAK run --" PATH=$PATH:$HOME/.cargo/bin
    # Not exported: with other flags `make install` would build everything again, below the other tests.
    FLAGS=-I$TOP/include
    export PYTHON=/usr/bin/python3
    unset LOGIN
}

needs() # KIND NAME PACKAGE
{
    case $1 in
    cmd) command -v "$2" >/dev/null ;;
    hdr) printf '#if !__has_include(<%s>)\n#error\n#endif\n' "$2" | c++ -x c++ -fsyntax-only - 2>/dev/null ;;
    py) "$PYTHON" -c "import $2" 2>/dev/null ;;
    esac || skip "$2 is missing ($3)"
}

# Without this runner's own variables and folder: one of the harnesses is bats.
example()
{
    local unset=() name
    for name in ${!BATS_@}; do unset+=(-u "$name"); done
    env "${unset[@]}" CFLAGS="$FLAGS" PATH="${PATH#"$BATS_LIBEXEC":}" timeout 120 "$EX/$1/run" "$2" 3>&- 4>&-
}

# shows HARNESS REGEX...: the leaking test fails and shows all of that, the fixed one passes.
shows()
{
    local harness=$1 regex
    shift
    run example "$harness" leaking
    [ "$status" -ne 0 ] || { echo "the leaking test passed: $output"; return 1; }
    for regex; do contains "$output" "$regex"; done
    run example "$harness" fixed
    [ "$status" -eq 0 ] || { echo "the fixed test failed: $output"; return 1; }
    lacks "$output" 'WARNING: sockleak'
}

blind()
{
    UNDER='' run example "$1" fixed
    [ "$status" -ne 0 ] || { echo "passed without the agent: $output"; return 1; }
    contains "$output" "${2:-sockleak agent is not active}"
}

@test "cmocka: the leaking test fails and names the line, the fixed one passes, without the agent it says so" {
    needs cmd pkg-config pkg-config
    shows cmocka 'FAILED.*a_refused_login_leaks_nothing' 'test_login.c:[0-9]+: 1 socket opened by this test is still open' '#0 login .*leaking.c:10'
    blind cmocka
}

@test "Check: the leaking test fails and names the line, the fixed one passes, without the agent it says so" {
    needs hdr check.h check
    shows check 'Failures: 1' 'a_refused_login_leaks_nothing:0: .*1 socket opened by this test is still open' '#0 login .*leaking.c:10'
    blind check
}

@test "GoogleTest: a listener fails the leaking test and names the line; the fixed one passes; without the agent it says so" {
    needs hdr gtest/gtest.h libgtest-dev
    shows googletest 'FAILED.*Login.RefusesNobody' '1 socket opened by this test is still open' '#0 +login .*leaking.c:10'
    blind googletest
}

@test "Catch2: the leaking test fails and names the line, the fixed one passes, without the agent it says so" {
    [ -e /usr/include/catch2/catch_all.hpp ] || needs hdr catch2/catch.hpp catch2
    # Catch2 breaks lines at 80 columns, wherever the paths happen to end.
    shows catch2 'test_login.cc:[0-9]+: FAILED' '1 socket' 'WARNING: sockleak'
    run example catch2 leaking
    contains "$(tr -d '\n ' <<<"$output")" '#0login.*leaking\.c:10'
    blind catch2 'agent'
}

@test "pytest: the plugin puts the report with the Python line into pytest's own output; without the agent it says so" {
    needs py pytest python3-pytest
    shows pytest 'ERROR .*test_a_refused_login_leaks_nothing' '#0 +[a-z_.]+ +.*leaking.py:9' '2 passed, 2 errors'
    blind pytest
}

@test "unittest: the leaking test fails with the Python line, the fixed one passes, without the agent it says so" {
    needs py unittest python3
    shows unittest 'FAIL: test_a_refused_login_leaks_nothing' '#0 +[a-z_.]+ +.*leaking.py:9' 'FAILED \(failures=1\)'
    blind unittest
}

@test "bats: a program's exit status is the assertion; without the command the test says so" {
    shows bats 'not ok 1 a refused login leaks nothing' '#0 login .*leaking.c:10'
    SOCKLEAK=$TESTTMP/none run example bats fixed
    [ "$status" -ne 0 ]
    contains "$output" 'not installed, so leaked sockets cannot be seen'
}

@test "prove: the leaking Perl test fails with the report, the fixed one passes, without the agent it says so" {
    needs cmd prove perl
    shows prove "Failed test 'a refused login leaks nothing'" 'main::login +.*login\.t:14' 'Result: FAIL'
    blind prove 'does not run under the agent'
}

@test "node:test: the leaking test fails with the JavaScript line, the fixed one passes, without the agent it says so" {
    needs cmd node nodejs
    [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 18 ] || skip 'node is older than 18'
    shows node 'not ok 1 - a refused login leaks nothing' 'login.mjs:7:'
    blind node 'does not run under the agent'
}

@test "cargo test: the leaking test fails and names the line, the fixed one passes, without the agent it says so" {
    needs cmd cargo cargo
    shows cargo 'a_refused_login_leaks_nothing ... FAILED' '#[0-9]+ +login::login +src/lib.rs:6'
    blind cargo
}

installed()
{
    local at=$BATS_FILE_TMPDIR
    [ -e "$at/usr" ] || make -s -C "$TOP" B="$BUILD" PREFIX="$at/usr" install
    export CMAKE_PREFIX_PATH=$at/usr PKG_CONFIG_PATH=$at/usr/lib/pkgconfig
}

@test "CTest: find_package and one line for a test; the leaking ones fail and name the line" {
    needs cmd cmake cmake
    installed
    shows ctest '0% tests passed, 2 tests failed' '#0 login .*leaking.c:10' '1 socket opened by this test is still open'
    run "$TESTTMP/out/with_assertion"
    [ "$status" -ne 0 ]
    contains "$output" 'sockleak agent is not active'
}

@test "CTest: the property line by hand does the same, and a test may have a budget" {
    needs cmd cmake cmake
    installed
    # The line as the example shows it, uncommented, with the place of this installation.
    sed -i -e '/^sockleak_test(plain_program)/d' -e "s|^#   \\(set_tests_properties.*LD_PRELOAD=\\)[^;]*|\\1$BATS_FILE_TMPDIR/usr/lib/libsockleak.so|" "$EX/ctest/CMakeLists.txt"
    contains "$EX/ctest/CMakeLists.txt" "^set_tests_properties\\(plain_program PROPERTIES ENVIRONMENT .LD_PRELOAD=$BATS_FILE_TMPDIR/usr"
    shows ctest '0% tests passed, 2 tests failed' '#0 login .*leaking.c:10'
    sed -i -e '/^set_tests_properties/d' "$EX/ctest/CMakeLists.txt"
    echo 'sockleak_test(plain_program OPTIONS exitcode=23:kinds=all:max_allowed=1)' >>"$EX/ctest/CMakeLists.txt"
    run example ctest leaking
    contains "$output" '50% tests passed, 1 tests failed'
    contains "$output" 'plain_program +\.+ +Passed'
}

@test "Meson: the dependency knows what to preload; the leaking tests fail and name the line" {
    needs cmd meson meson
    needs cmd ninja ninja-build
    installed
    shows meson 'Fail: +2' '#0 login .*leaking.c:10' '1 socket opened by this test is still open'
    run "$TESTTMP/out/with_assertion"
    [ "$status" -ne 0 ]
    contains "$output" 'sockleak agent is not active'
}

@test "pkg-config alone: the header is found and nothing is linked" {
    needs cmd pkg-config pkg-config
    installed
    [ "$(pkg-config --libs sockleak)" = '' ]
    FLAGS=$(pkg-config --cflags sockleak) run example cmocka fixed
    [ "$status" -eq 0 ]
    [ -e "$(pkg-config --variable=preload sockleak)" ]
}
