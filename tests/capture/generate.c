/* SPDX-License-Identifier: MIT */
/*
 * generate.c: writes a program of N functions that call each other on random paths, each in a
 * different way that stacks can be built.
 *
 * generate SEED N c|c++ > out.c. The program: `out paths SEED COUNT` checks at the end of each
 * path, `out threads SEED COUNT` the same on four threads, each path's first stack in a new one,
 * `out timer SEED COUNT` runs the paths while a timer's handler checks wherever it interrupts.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned long state;
static unsigned below(unsigned n)
{
    state = state * 6364136223846793005ul + 1442695040888963407ul;
    return (unsigned)(state >> 33) % n;
}

/* All state is volatile: raise() is declared to call nothing back, and a handler does. */
static const char head[] =
    "#include <alloca.h>\n#include <pthread.h>\n#include <setjmp.h>\n#include <signal.h>\n#include <stdarg.h>\n#include "
    "<stdio.h>\n#include <stdlib.h>\n"
    "#include <string.h>\n#include <ucontext.h>\n#include \"check.h\"\n"
    "#define COROUTINES 3\n#define STACK (768 << 10)\n"
    "typedef long fn(long, int);\n"
    "static __thread unsigned long seed;\nstatic __thread jmp_buf *volatile back;\nstatic __thread volatile int coroutines, calm;\nstatic "
    "__thread char *stacks;\nstatic __thread volatile long carried;\n"
    "static __thread volatile int depth_left;\nstatic volatile int timer;\nstatic int no_alternate;\nvolatile long sink;\n"
    "static inline unsigned rnd(unsigned n) { seed = seed * 6364136223846793005ul + 1442695040888963407ul; return (unsigned)(seed >> 33) % "
    "n; }\n"
    "static long any(long x, int d);\n"
    "__attribute__((noinline)) static void touch(volatile void *p) { sink += *(volatile char *)p; }\n";

/* The end of a path. In a handler no jump and no exception may leave. */
static const char leaf[] =
    "__attribute__((noinline)) static long leaf(long x)\n{\n    if (!timer)\n        check_here();\n"
    "#ifdef __cplusplus\n    if (!calm && rnd(4) == 0)\n        throw x;\n#else\n    if (back && rnd(4) == 0)\n        longjmp(*back, "
    "1);\n#endif\n"
    "    for (int i = 0; i < 20; i++)\n        sink += i * x;\n    return x + 1;\n}\n"
    "static void handler(int sig)\n{\n    jmp_buf *was = back;\n    back = NULL;\n    calm++;\n    (void)sig;\n    carried = any(carried, "
    "depth_left);\n    calm--;\n    back = was;\n}\n"
    "static void alarmed(int sig)\n{\n    (void)sig;\n    check_in_handler();\n    if (timer)\n        check_arm();\n}\n"
    "static int compare(const void *a, const void *b)\n{\n    if (depth_left >= 0) {\n        int d = depth_left;\n        depth_left = "
    "-1;\n        carried = any(carried, d);\n    }\n"
    "    return *(const int *)a - *(const int *)b;\n}\n"
    "static __thread ucontext_t contexts[2 * COROUTINES];\n"
    "static void coroutine(void) { carried = any(carried, depth_left); }\n"
    "#ifdef __cplusplus\nstruct guard {\n    long x;\n    __attribute__((noinline)) ~guard() { if (!timer) check_here(); else sink += x; "
    "}\n};\n#endif\n";

static void call(unsigned n)
{
    if (below(3) == 0)
        printf("f%u(x + %u, d - 1)", below(n), below(9));
    else
        printf("any(x + %u, d - 1)", below(9));
}

static void body(unsigned kind, unsigned n)
{
    unsigned k = below(40) + 1;

    switch (kind) {
    case 0:
        printf("    x += "), call(n), printf(";\n    return x;\n");
        break;
    case 1:
        printf("    return "), call(n), printf(";\n");
        break; /* a tail call where the compiler makes one */
    case 2:
        printf("    char *p = (char *)alloca(16 + (x & 255) * %u);\n    *p = 1;\n    touch(p);\n    x += ", k), call(n),
            printf(";\n    touch(p);\n    return x;\n");
        break;
    case 3:
        printf("    char v[(x & 127) + %u];\n    v[0] = 2;\n    touch(v);\n    x += ", k), call(n),
            printf(";\n    touch(v);\n    return x;\n");
        break;
    case 4:
        printf("    long v[8] __attribute__((aligned(64)));\n    v[0] = x;\n    touch(v);\n    x += "), call(n),
            printf(";\n    touch(v);\n    return x + v[0];\n");
        break;
    case 5:
        printf("    long v[16] __attribute__((aligned(128)));\n    char *p = (char *)alloca(x & 511);\n    v[1] = x;\n    touch(v);\n    "
               "touch(&p);\n    x += ");
        call(n), printf(";\n    touch(v);\n    return x + v[1];\n");
        break;
    case 6:
        printf("    char v[%u];\n    v[0] = 1;\n    v[sizeof v - 1] = 2;\n    touch(v);\n    x += ", 5000 + below(60000)), call(n),
            printf(";\n    touch(v);\n    return x;\n");
        break;
    case 7:
        printf("    long a = x * 3, b = x ^ 5, c = x + a, e = b * c, g = a ^ e, h = x + e;\n    x += "), call(n);
        printf(";\n    return x + a + b * c + e - g + h;\n");
        break;
    case 8:
        printf("    int v[4] = {3, 1, 2, (int)x};\n    carried = x;\n    depth_left = d - 1;\n    qsort(v, 4, sizeof *v, compare);\n    "
               "depth_left = -1;\n    return carried + v[0];\n");
        break;
    case 9:
        printf("    int v[4] = {1, 2, 3, 4}, key = (int)(x & 3);\n    carried = x;\n    depth_left = d - 1;\n    sink += bsearch(&key, v, "
               "4, sizeof *v, compare) != NULL;\n"
               "    depth_left = -1;\n    return carried;\n");
        break;
    case 10:
        printf("    if (signals > 2)\n        return "), call(n);
        printf(";\n    signals++;\n    carried = x;\n    depth_left = d > 6 ? 5 : d - 1;\n    raise(%s);\n    signals--;\n    alternate = "
               "signals ? alternate : no_alternate;\n    return carried;\n",
               below(2) ? "SIGUSR1" : "alternate++ ? SIGUSR1 : SIGUSR2");
        break;
    case 11:
        printf("    if (coroutines >= COROUTINES || !stacks)\n        return "), call(n);
        printf(";\n    ucontext_t *me = &contexts[2 * coroutines], *to = me + 1;\n    jmp_buf *was = back;\n    getcontext(to);\n    "
               "to->uc_stack.ss_sp = stacks + coroutines * STACK;\n"
               "    to->uc_stack.ss_size = STACK;\n    to->uc_link = me;\n    makecontext(to, coroutine, 0);\n    coroutines++;\n    "
               "calm++;\n    back = NULL;\n    carried = x;\n"
               "    depth_left = d > 6 ? 5 : d - 1;\n    swapcontext(me, to);\n    coroutines--;\n    calm--;\n    back = was;\n    return "
               "carried;\n");
        break;
    case 12:
        printf("    x = many(x, 2, 3, 4, 5, 6, 7, x, d - 1);\n    return x + 1;\n");
        break;
    case 13:
        printf("    x += variadic(d - 1, x, 2L, 3L);\n    return x;\n");
        break;
    case 14:
        printf("#ifdef __cplusplus\n    guard g = {x};\n    x += "), call(n), printf(";\n    return x + g.x;\n#else\n");
        printf("    jmp_buf here, *was = back;\n    volatile long y = x;\n    back = &here;\n    if (setjmp(here) == 0)\n        y += "),
            call(n);
        printf(";\n    back = was;\n    return y;\n#endif\n");
        break;
    case 15:
        printf("#ifdef __cplusplus\n    int was = calm, co = coroutines, si = signals;\n    try {\n        x += "), call(n);
        printf(";\n    } catch (long y) {\n        calm = was, coroutines = co, signals = si;\n        if (!timer)\n            "
               "check_here();\n        x += y;\n    }\n    return x;\n#else\n    return x + "),
            call(n), printf(";\n#endif\n");
        break;
    case 16:
        printf("    x += d > 2 ? f%u(x, d / 2) : 0;\n    x += ", below(n)), call(n), printf(";\n    return x;\n");
        break;
    default:
        printf("    double a = (double)x, b = a * 1.5;\n    float v[8] __attribute__((aligned(32))) = {1, 2, 3, 4, 5, 6, 7, 8};\n    for "
               "(int i = 0; i < 8; i++)\n        v[i] *= (float)x;\n    touch(v);\n    x += ");
        call(n), printf(";\n    for (int i = 0; i < 8; i++)\n        b += v[i];\n    return x + (long)(a + b);\n");
    }
}

static const char tail[] =
    "static long any(long x, int d)\n{\n    return all[rnd(sizeof all / sizeof *all)](x, d);\n}\n"
    "static void path(void)\n{\n#ifdef __cplusplus\n    try {\n        sink += any(1, 2 + (int)rnd(22));\n    } catch (long) {\n    "
    "}\n#else\n    sink += any(1, 2 + (int)rnd(22));\n#endif\n"
    "    calm = coroutines = signals = 0;\n    alternate = no_alternate;\n    back = NULL;\n    depth_left = -1;\n}\n"
    "static void prepare(unsigned long s)\n{\n    stack_t alt;\n    memset(&alt, 0, sizeof alt);\n    seed = s;\n    stacks = (char "
    "*)malloc(COROUTINES * STACK);\n    alt.ss_sp = malloc(STACK);\n    alt.ss_size = STACK;\n"
    "    sigaltstack(&alt, NULL);\n}\n"
    "static void unprepare(void)\n{\n    stack_t alt;\n    sigaltstack(NULL, &alt);\n    void *p = alt.ss_sp;\n    alt.ss_flags = "
    "SS_DISABLE;\n    sigaltstack(&alt, NULL);\n    free(p);\n    free(stacks);\n}\n"
    "static void *thread(void *s)\n{\n    prepare((unsigned long)s);\n    for (unsigned long i = 0; i < 50; i++)\n        path();\n    "
    "unprepare();\n    return NULL;\n}\n"
    "int main(int argc, char **argv)\n{\n    if (argc < 4)\n        return 2;\n    unsigned long s = strtoul(argv[2], NULL, 10), count = "
    "strtoul(argv[3], NULL, 10);\n    struct sigaction a;\n"
    "    memset(&a, 0, sizeof a);\n    a.sa_handler = handler;\n    a.sa_flags = SA_NODEFER;\n    sigaction(SIGUSR1, &a, NULL);\n    "
    "a.sa_flags |= SA_ONSTACK;\n    sigaction(SIGUSR2, &a, NULL);\n    prepare(s);\n"
    "    if (!strcmp(argv[1], \"timer\")) {\n        a.sa_handler = alarmed;\n        a.sa_flags = s & 1 ? SA_ONSTACK | SA_RESTART : "
    "SA_RESTART;\n        sigaction(SIGALRM, &a, NULL);\n        timer = 1;\n        alternate = no_alternate = (int)(s & 1);\n"
    "        check_arm();\n        while (check_count() < count)\n            path();\n        timer = 0;\n        sigset_t alarm;\n       "
    " sigemptyset(&alarm);\n        sigaddset(&alarm, SIGALRM);\n        sigprocmask(SIG_BLOCK, &alarm, NULL);\n"
    "    } else if (!strcmp(argv[1], \"threads\")) {\n        while (check_count() < count) {\n            pthread_t t[4];\n            "
    "for (int i = 0; i < 4; i++)\n                pthread_create(&t[i], NULL, thread, (void *)(s++ * 4 + i));\n"
    "            for (int i = 0; i < 4; i++)\n                pthread_join(t[i], NULL);\n        }\n    } else {\n        while "
    "(check_count() < count)\n            path();\n    }\n    unprepare();\n"
    "    return check_done(argc > 4 ? argv[4] : argv[0]);\n}\n";

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    state = strtoul(argv[1], NULL, 10) * 2654435761u + 1;
    unsigned n = (unsigned)atoi(argv[2]);

    fputs(head, stdout);
    /*
     * The signal stack is begun anew when a coroutine is interrupted, whatever lies on it: so it is
     * used once at a time.
     */
    puts("static __thread volatile int signals, alternate;");
    fputs(leaf, stdout);
    for (unsigned i = 0; i < n; i++)
        printf("static fn f%u;\n", i);
    /*
     * Arguments on the stack and a realigned frame: gcc reaches the arguments through a register of
     * their own (DRAP).
     */
    puts("__attribute__((noinline)) static long many(long a, long b, long c, long e, long f, long g, long h, long x, int d)\n{\n    long "
         "v[4] __attribute__((aligned(32)));\n"
         "    v[0] = a + b + c + e + f + g + h;\n    touch(v);\n    x = any(x, d);\n    touch(v);\n    return x + v[0] + h;\n}");
    puts("__attribute__((noinline)) static long variadic(int d, ...)\n{\n    va_list l;\n    va_start(l, d);\n    long x = any(va_arg(l, "
         "long), d);\n    x += va_arg(l, long);\n    va_end(l);\n    return x;\n}");
    for (unsigned i = 0; i < n; i++) {
        printf("%sstatic long f%u(long x, int d)\n{\n    if (d <= 0)\n        return leaf(x);\n",
               below(3) ? "__attribute__((noinline)) " : "", i);
        body(i < 18 ? i : below(22), n);
        puts("}");
    }
    printf("static fn *const all[] = {");
    for (unsigned i = 0; i < n; i++)
        printf("f%u, ", i);
    puts("};");
    fputs(tail, stdout);
    return 0;
}
