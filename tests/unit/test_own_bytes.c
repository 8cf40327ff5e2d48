/* SPDX-License-Identifier: MIT */
/*
 * test_own_bytes.c: the library's own memcpy, strlen and kin do what libc's do, at every length,
 * alignment and overlap, and touch nothing beyond; the clock is the kernel's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <time.h>

#include "agent/base/auxv.h"
#include "agent/base/clock.h"
#include "agent/base/sys.h"
#include "agent/elf/vdso.h"

#define N 300

/* libc's own: every call here would lead to the library's. */
#define LIBC(type, name, parameters) type(*libc_##name) parameters = (type(*) parameters)(uintptr_t)dlsym(libc, #name)
static void *libc;
static volatile unsigned char before[3 * N], expected[3 * N];
static unsigned char is[3 * N];

static void fill(void)
{
    for (unsigned i = 0; i < 3 * N; i++)
        before[i] = is[i] = (unsigned char)rand();
}

static void same_as_expected(void)
{
    for (unsigned i = 0; i < 3 * N; i++)
        if (is[i] != expected[i])
            fail_msg("byte %u differs", i);
}

static void expect_copy(size_t to, size_t from, size_t n)
{
    for (unsigned i = 0; i < 3 * N; i++)
        expected[i] = i - to < n ? before[from + (i - to)] : before[i];
}

static void a_copy_is_exact_at_every_length_alignment_and_overlap(void **state)
{
    (void)state;
    for (size_t n = 0; n < N; n += n < 140 ? 1 : 7) {
        for (size_t at = 0; at < 17; at++) {
            fill();
            expect_copy(N + at, at / 2, n);
            assert_ptr_equal(memcpy(is + N + at, is + at / 2, n), is + N + at);
            same_as_expected();
        }
        for (int shift = -80; shift<80; shift += shift> - 20 && shift < 20 ? 1 : 5) {
            fill();
            expect_copy((size_t)(N + shift), N, n);
            assert_ptr_equal(memmove(is + N + shift, is + N, n), is + N + shift);
            same_as_expected();
        }
    }
}

static void memory_is_set_exactly(void **state)
{
    (void)state;
    for (size_t n = 0; n < N; n++) {
        size_t at = n % 19;
        fill();
        for (unsigned i = 0; i < 3 * N; i++)
            expected[i] = i - at < n ? 0xa7 : before[i];
        assert_ptr_equal(memset(is + at, 0x5a7, n), is + at);
        same_as_expected();
    }
}

static int sign(int n) { return n < 0 ? -1 : n > 0; }

static void comparisons_agree_with_libcs(void **state)
{
    (void)state;
    LIBC(int, memcmp, (const void *, const void *, size_t));
    LIBC(int, strcmp, (const char *, const char *));
    LIBC(int, strncmp, (const char *, const char *, size_t));
    char a[64], b[64];
    for (unsigned turn = 0; turn < 20000; turn++) {
        size_t n = (size_t)rand() % 40, at = (size_t)rand() % 8, differs = (size_t)rand() % 44;
        for (unsigned i = 0; i < sizeof a; i++)
            a[i] = b[i] = (char)(rand() % 255 - 127);
        a[63] = b[63] = 0;
        if (differs < 40)
            b[at + differs] = (char)rand();
        if (rand() % 4 == 0)
            a[at + n / 2] = b[at + n / 2] = 0;
        assert_int_equal(sign(memcmp(a + at, b + at, n)), sign(libc_memcmp(a + at, b + at, n)));
        assert_int_equal(!bcmp(a + at, b + at, n), !libc_memcmp(a + at, b + at, n));
        assert_int_equal(sign(strcmp(a + at, b + at)), sign(libc_strcmp(a + at, b + at)));
        assert_int_equal(sign(strncmp(a + at, b + at, n)), sign(libc_strncmp(a + at, b + at, n)));
    }
}

static void searches_agree_with_libcs(void **state)
{
    (void)state;
    LIBC(void *, memchr, (const void *, int, size_t));
    LIBC(void *, memrchr, (const void *, int, size_t));
    LIBC(void *, memmem, (const void *, size_t, const void *, size_t));
    LIBC(char *, strchr, (const char *, int));
    LIBC(char *, strrchr, (const char *, int));
    LIBC(char *, strstr, (const char *, const char *));
    LIBC(size_t, strlen, (const char *));
    LIBC(size_t, strnlen, (const char *, size_t));
    LIBC(size_t, strspn, (const char *, const char *));
    LIBC(size_t, strcspn, (const char *, const char *));
    LIBC(char *, strncpy, (char *, const char *, size_t));
    for (unsigned turn = 0; turn < 20000; turn++) {
        char s[64], word[4], to[2][64];
        size_t at = (size_t)rand() % 8, n = (size_t)rand() % 48;
        for (unsigned i = 0; i < sizeof s; i++)
            s[i] = "ab\x80\xff\x81\x01"[rand() % 6];
        s[at + (size_t)rand() % 50] = s[63] = 0;
        for (unsigned i = 0; i < sizeof word; i++)
            word[i] = "ab\x80\xff\0"[rand() % 5];
        word[3] = 0;
        int sought = "ab\x80\xff\x81\x01\0z"[rand() % 8];
        const char *p = s + at;
        assert_ptr_equal(memchr(p, sought, n), libc_memchr(p, sought, n));
        assert_ptr_equal(memrchr(p, sought, n), libc_memrchr(p, sought, n));
        assert_ptr_equal(memmem(p, n, word, turn % 4), libc_memmem(p, n, word, turn % 4));
        assert_ptr_equal(strchr(p, sought), libc_strchr(p, sought));
        assert_ptr_equal(strrchr(p, sought), libc_strrchr(p, sought));
        assert_ptr_equal(strstr(p, word), libc_strstr(p, word));
        assert_int_equal(strlen(p), libc_strlen(p));
        assert_int_equal(strnlen(p, n), libc_strnlen(p, n));
        assert_int_equal(strspn(p, word), libc_strspn(p, word));
        assert_int_equal(strcspn(p, word), libc_strcspn(p, word));
        for (unsigned i = 0; i < 64; i++)
            to[0][i] = to[1][i] = 'x';
        assert_ptr_equal(strncpy(to[0], p, n), to[0]);
        libc_strncpy(to[1], p, n);
        assert_memory_equal(to[0], to[1], 64);
    }
}

/* A page that cannot be read begins where the bytes end. */
static void nothing_is_read_behind_the_end(void **state)
{
    (void)state;
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *end = page + 4096, to[80];
    assert_int_equal(mprotect(end, 4096, PROT_NONE), 0);
    memset(page, 'a', 4096);
    for (size_t n = 0; n < 80; n++) {
        memcpy(to, end - n, n);
        memmove(to, end - n, n);
        assert_int_equal(memcmp(to, end - n, n), 0);
        assert_null(memchr(end - n, 'b', n));
        assert_null(memmem(end - n, n, "aab", 3));
        assert_int_equal(strnlen(end - n, n), n);
        end[-1] = 0;
        if (n) {
            assert_int_equal(strlen(end - n), n - 1);
            assert_int_equal(strnlen(end - n, 4096), n - 1); /* no more than libc's does it look behind the end */
        }
        end[-1] = 'a';
    }
    munmap(page, 8192);
}

/* ---- the clock ------------------------------------------------------------------------------- */

static int no_clock(clockid_t clock, struct timespec *t)
{
    (void)clock;
    (void)t;
    return -ENOSYS;
}

static void the_clock_is_the_kernels_with_a_vdso_and_without(void **state)
{
    (void)state;
    int (*vdso)(clockid_t, struct timespec *) = (int (*)(clockid_t, struct timespec *))(uintptr_t)vdso_lookup(ARCH_VDSO_CLOCK);
    int (*const ways[])(clockid_t, struct timespec *) = {NULL, vdso, no_clock};
    assert_true(vdso || !getauxval(AT_SYSINFO_EHDR));
    for (unsigned i = 0; i < 3; i++) {
        clock_use(ways[i]);
        uint64_t least = sys_clock(CLOCK_MONOTONIC), now = clock_now(), most = sys_clock(CLOCK_MONOTONIC);
        assert_in_range(now, least, most);
        least = sys_clock(CLOCK_REALTIME);
        now = clock_now_real();
        assert_in_range(now, least, sys_clock(CLOCK_REALTIME));
    }
    assert_null(vdso_lookup("no_such_function"));
}

static void what_the_kernel_told_at_the_start_is_known_without_libc(void **state)
{
    (void)state;
    errno = ENOTUNIQ;
    auxv_take();
    assert_int_equal(errno, ENOTUNIQ);
    assert_int_equal(auxv_get(AT_PHDR), getauxval(AT_PHDR));
    assert_int_equal(auxv_get(AT_SYSINFO_EHDR), getauxval(AT_SYSINFO_EHDR));
    assert_int_equal(auxv_get(12345), 0);
}

int main(void)
{
    libc = dlopen("libc.so.6", RTLD_NOW);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_is_exact_at_every_length_alignment_and_overlap),
        cmocka_unit_test(memory_is_set_exactly),
        cmocka_unit_test(comparisons_agree_with_libcs),
        cmocka_unit_test(searches_agree_with_libcs),
        cmocka_unit_test(nothing_is_read_behind_the_end),
        cmocka_unit_test(the_clock_is_the_kernels_with_a_vdso_and_without),
        cmocka_unit_test(what_the_kernel_told_at_the_start_is_known_without_libc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
