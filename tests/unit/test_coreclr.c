/* SPDX-License-Identifier: MIT */
/*
 * test_coreclr.c: how the frames of CoreCLR's methods are left, and what they are called.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/runtimes/coreclr.h"

struct known {
    const char *bytes;
    unsigned n, from_fp, add, below; /* add 0: it is not understood */
};
#define KNOWN(text, from_fp, add, below)           \
    {                                              \
        text, sizeof text - 1, from_fp, add, below \
    }

static void check(const struct known *k, bool found, const struct coreclr_frame *f)
{
    assert_true(found || !f->add);
    if (found != (k->add != 0) || (found && (f->from_fp != k->from_fp || f->add != k->add || f->fp_below != k->below)))
        fail_msg("%02x %02x %02x %02x ...: %d from_fp %d add %d below %d", (uint8_t)k->bytes[0], (uint8_t)k->bytes[1], (uint8_t)k->bytes[2],
                 (uint8_t)k->bytes[3], found, f->from_fp, f->add, f->fp_below);
}

#define BODY "\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90"

static void a_prologue_says_how_its_frame_is_left(void **state)
{
    (void)state;
    static const struct known all[] = {
        KNOWN("\x55\x48\x8b\xec" BODY, 1, 16, 2),                                             /* push rbp; mov rbp, rsp */
        KNOWN("\x55\x48\x89\xe5\x53\x48\x83\xec\x10" BODY, 1, 16, 2),                         /* and more behind it */
        KNOWN("\x55\x48\x83\xec\x10\x48\x8d\x6c\x24\x10" BODY, 1, 16, 2),                     /* room; lea rbp, [rsp+10h] */
        KNOWN("\x55\x41\x57\x41\x56\x53\x48\x83\xec\x18\x48\x8d\x6c\x24\x30" BODY, 1, 16, 2), /* registers too */
        KNOWN("\x55\x41\x57\x53\x48\x81\xec\x88\x01\x00\x00\xc5\xf8\x77\x48\x8d\xac\x24\x98\x01\x00\x00" BODY, 1, 16, 2), /* vzeroupper */
        KNOWN("\x55\x48\x8d\x2c\x24" BODY, 1, 16, 2),                         /* lea rbp, [rsp] */
        KNOWN("\x53\x55\x48\x83\xec\x08\x48\x8d\x6c\x24\x08" BODY, 1, 24, 3), /* rbp not first */
        KNOWN("\x48\x83\xec\x08" BODY, 0, 16, 0),                             /* no frame pointer */
        KNOWN("\x50" BODY, 0, 16, 0),
        KNOWN("\x41\x57\x41\x56\x53\x48\x83\xec\x20" BODY, 0, 64, 0),
        KNOWN("\x55\x53\x50\x31\xed" BODY, 0, 32, 2), /* rbp for a number */
        KNOWN(BODY, 0, 8, 0),                         /* nothing at all */
        /* more than a page, which is touched first */
        KNOWN("\x55\x4c\x8d\x9c\x24\x00\xe0\xff\xff" BODY, 0, 0, 0),
        KNOWN("\x53\x48\x85\x84\x24\x00\xf0\xff\xff" BODY, 0, 0, 0),
        KNOWN("\x55\x48\x83\xec\x12\x48\x8d\x6c\x24\x10" BODY, 0, 0, 0), /* no multiple of a word */
        KNOWN("\x48\x81\xec\x00\x00\x01\x00" BODY, 0, 0, 0),             /* more than is kept */
        KNOWN("\x55\x48\x83\xec\x10", 0, 0, 0),                          /* not all of it could be read */
        KNOWN("", 0, 0, 0),
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct coreclr_frame f = {.add = 0};
        uint8_t *copy = malloc(all[i].n + !all[i].n);
        memcpy(copy, all[i].bytes, all[i].n);
        check(&all[i], coreclr_frame_of_code(copy, all[i].n, &f), &f);
        free(copy);
    }
}

/* As found in System.Net.Sockets.dll and System.Private.CoreLib.dll of .NET Core 3.1. */
static void unwind_information_says_how_its_frame_is_left(void **state)
{
    (void)state;
    static const struct known all[] = {
        KNOWN("\x19\x11\x08\x00\x11\x01\x13\x00\x0a\x30\x09\xc0\x07\xd0\x05\xe0\x03\xf0\x01\x50", 0, 8 * 0x13 + 56, 2),
        KNOWN("\x19\x0e\x07\x00\x0e\x22\x0a\x30\x09\xc0\x07\xd0\x05\xe0\x03\xf0\x01\x50", 0, 24 + 56, 2),
        KNOWN("\x19\x01\x01\x00\x01\x02", 0, 16, 0),
        KNOWN("\x01\x00\x00\x00", 0, 8, 0),
        /* the frame pointer, 7 * 16 bytes above the stack pointer behind it */
        KNOWN("\x19\x10\x04\x75\x10\x03\x08\xf2\x03\x30\x01\x50", 1, 0x80 + 16 + 8 - 0x70, 2),
        KNOWN("\x01\x07\x03\x00\x07\x11\x10\x00\x00\x00", 0, 16 + 8, 0), /* a large room in bytes */
        KNOWN("\x01\x07\x03\x00\x07\x64\x04\x00\x01\x02", 0, 16, 0) /* rsi is saved: no push */,
        KNOWN("\x02\x01\x01\x00\x01\x02", 0, 0, 0),         /* another version */
        KNOWN("\x21\x01\x01\x00\x01\x02", 0, 0, 0),         /* it goes on elsewhere */
        KNOWN("\x01\x07\x02\x00\x07\x54\x04\x00", 0, 0, 0), /* rbp is saved without a push */
        KNOWN("\x01\x01\x01\x00\x01\x0a", 0, 0, 0),         /* a trap's frame */
        KNOWN("\x01\x05\x02\x03\x05\x03\x01\x50", 0, 0, 0),
        KNOWN("\x01\x07\x01\x00\x07\x64", 0, 0, 0), /* an operation that is cut */
        KNOWN("\x01\x01\x01\x03\x01\x03", 0, 0, 0), /* another register as the frame pointer */
        KNOWN("\x01\x01\x01\x05\x01\x02", 0, 0, 0), /* one that is never set */
        KNOWN("\x01\x01\x01\x00\x01\x03", 0, 0, 0), /* one that is not said */
        KNOWN("\x01\x01\x02\x00\x01\x02", 0, 0, 0), /* cut */
        KNOWN("\x01\x07\x01\x00\x07\x01", 0, 0, 0),
        KNOWN("\x01\x07\x03\x00\x07\x11\x00\x00\x01\x00", 0, 0, 0), /* more than is kept */
        KNOWN("\x01\x00\x00", 0, 0, 0),
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct coreclr_frame f = {.add = 0};
        uint8_t *copy = malloc(all[i].n);
        memcpy(copy, all[i].bytes, all[i].n);
        check(&all[i], coreclr_frame_of_info(copy, all[i].n, &f), &f);
        free(copy);
    }
}

static void any_bytes_do_no_harm(void **state)
{
    (void)state;
    static const uint8_t likely[] = {0x55, 0x41, 0x48, 0x83, 0xec, 0x8d, 0x6c, 0x24, 1, 0x19, 0, 5};
    srand(5);
    for (unsigned round = 0; round < 300000; round++) {
        size_t n = (size_t)rand() % 40;
        uint8_t *bytes = malloc(n + 1);
        struct coreclr_frame f;
        for (size_t i = 0; i < n; i++)
            bytes[i] = rand() % 3 ? likely[(size_t)rand() % sizeof likely] : (uint8_t)rand();
        for (unsigned which = 0; which < 2; which++)
            if (which ? coreclr_frame_of_info(bytes, n, &f) : coreclr_frame_of_code(bytes, n, &f)) {
                assert_true(f.add >= 8 && f.add < CORECLR_MAX_ADD && f.add % 8 == 0 && f.fp_below <= CORECLR_MAX_BELOW);
                assert_true(!f.from_fp || f.fp_below);
            }
        free(bytes);
    }
}

/* Of a name in the map: function and assembly; "-": it is none of the program's. */
static const char *parsed(const char *text)
{
    static char said[2000];
    struct runtime_name name;
    size_t n = strlen(text);
    char *copy = malloc(n + !n);
    memcpy(copy, text, n);
    if (coreclr_name_parse(copy, n, &name))
        snprintf(said, sizeof said, "%s in %s", name.function, name.file);
    else
        strcpy(said, "-");
    free(copy);
    return said;
}

static void a_method_is_called_as_the_runtime_calls_it_without_its_types(void **state)
{
    (void)state;
    assert_string_equal(parsed("void [Leak] Shop.Leak::Main(string[])"), "Shop.Leak.Main in Leak");
    assert_string_equal(parsed("instance void [Leak] Shop.Leak+Orders::.ctor()"), "Shop.Leak+Orders..ctor in Leak");
    assert_string_equal(parsed("class [System]System.Net.Sockets.TcpClient [Leak] Shop.Leak::Open()"), "Shop.Leak.Open in Leak");
    assert_string_equal(parsed("string[] [My App] Shop::Names(class [System.Net]System.Net.Cookie)"), "Shop.Names in My App");
    assert_string_equal(parsed("instance !0 [Leak] Shop.Box`1[System.__Canon]::Down(int32)"), "Shop.Box`1.Down in Leak");
    assert_string_equal(
        parsed("instance void [Leak] Shop.Box`2+In[System.Int32,System.Nullable`1[System.Int32]]::Generic[System.Double](!!0)"),
        "Shop.Box`2+In.Generic in Leak");
    assert_string_equal(parsed("instance void [Leak] Shop.Leak+<Main>d__1::System.IDisposable.Dispose()"),
                        "Shop.Leak+<Main>d__1.System.IDisposable.Dispose in Leak");
}

static void what_is_no_method_of_the_programs_is_not_shown(void **state)
{
    (void)state;
    static const char *const none[] = {
        "",
        "stub<20> AllocateTemporaryEntryPoints<PRECODE_FIXUP>",
        "int32 [Leak] dynamicClass::IL_STUB_PInvoke(int32)",
        "instance void [System] System.Net.Sockets.TcpClient::.ctor()",
        "bool [System.Private.CoreLib] System.SpanHelpers::SequenceEqual(uint8&,uint8&,uint64)",
        "void [Microsoft.AspNetCore.Server.Kestrel.Core] X::Y()",
        "void [mscorlib] X::Y()",
        "void [Leak] ::Y()",
        "void [Leak] X::()",
        "void [Leak] X::Y",
        "void [Leak] Y()",
        "void [Leak]X::Y()",
        "void [] X::Y()",
        "void x[Leak] X::Y()",
        "void [Leak X::Y()",
        "void [Leak] X[::Y()",
    };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_string_equal(parsed(none[i]), "-");
    assert_string_equal(parsed("void [SystemTests] X::Y()"), "X.Y in SystemTests");
    assert_string_equal(parsed("void [Microsoft.Data.SqlClient] X::Y()"), "X.Y in Microsoft.Data.SqlClient");
}

static void a_name_that_does_not_fit_is_none(void **state)
{
    (void)state;
    char text[3 * STATE_FUNCTION_MAX];
    for (unsigned n = STATE_FUNCTION_MAX - 20; n < STATE_FUNCTION_MAX + 20; n++) {
        snprintf(text, sizeof text, "void [Leak] %0*d::Y()", n, 0);
        assert_int_equal(strcmp(parsed(text), "-") == 0, n + 3 > STATE_FUNCTION_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prologue_says_how_its_frame_is_left),
        cmocka_unit_test(unwind_information_says_how_its_frame_is_left),
        cmocka_unit_test(any_bytes_do_no_harm),
        cmocka_unit_test(a_method_is_called_as_the_runtime_calls_it_without_its_types),
        cmocka_unit_test(what_is_no_method_of_the_programs_is_not_shown),
        cmocka_unit_test(a_name_that_does_not_fit_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
