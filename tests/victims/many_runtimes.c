/* SPDX-License-Identifier: MIT */
/*
 * many_runtimes LIBPYTHON LIBPERL LIBRUBY LIBJVM WORD...: a program that embeds several languages, in which each can call another and C. Each WORD is
 * a stack, its languages from the outside inwards (p: Python, l: Perl, r: Ruby, j: Java), of which the innermost opens a connection that is stuck. Perl calls
 * no other. "-" for a library leaves that language out. CLASSPATH has JavaNext.
 */
#include "victim.h"

#include <dlfcn.h>
#include <stdint.h>

static int listener;
static void call_next(void);
static const char *rest; /* of the word */

static void *library(const char *path)
{
    void *lib = strcmp(path, "-") == 0 ? NULL : dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    if (!lib && strcmp(path, "-") != 0) {
        fprintf(stderr, "%s\n", dlerror());
        _exit(99);
    }
    return lib;
}

static void *function(void *lib, const char *name)
{
    void *f = dlsym(lib, name);
    if (!f) {
        fprintf(stderr, "no %s\n", name);
        _exit(99);
    }
    return f;
}
#define CALL(lib, type, name, ...) ((type)(uintptr_t)function(lib, name))(__VA_ARGS__)

static void leaves(void)
{
    connect_loopback();
    close((int)MUST(accept(listener, NULL, NULL)));
}

/* ---- Python ---- */

static void *python;
static const char python_code[] = "import ctypes\n"
                                  "call = ctypes.PYFUNCTYPE(None)(%ju)\n"
                                  "def python_outer():\n"
                                  "    python_inner()\n"
                                  "def python_inner():\n"
                                  "    call()\n";

static void run_python(const char *code)
{
    if (CALL(python, int (*)(const char *), "PyRun_SimpleString", code))
        _exit(99);
}

/* ---- Perl ---- */

static void *perl, *interpreter;
static const char perl_code[] = "sub perl_inner { my $s = \\do { local *S }; socket($s, 2, 1, 0) && connect($s, pack('S n a4 x8', 2, "
                                "$port, \"\\x7f\\0\\0\\1\")) or die $!;\n"
                                "push @kept, $s }\n"
                                "sub perl_outer { perl_inner() }\n";

static void run_perl(const char *code) { CALL(perl, void *(*)(void *, const char *, int), "Perl_eval_pv", interpreter, code, 1); }

static void begin_perl(char *path)
{
    static char *args[] = {(char *)"perl", (char *)"-e", (char *)"0", NULL};
    static char **argv = args;
    static int argc = 3;
    char port[32];
    perl = library(path);
    if (!perl)
        return;
    CALL(perl, void (*)(int *, char ***, char ***), "Perl_sys_init3", &argc, &argv, &(char **){NULL});
    interpreter = CALL(perl, void *(*)(void), "perl_alloc");
    CALL(perl, void (*)(void *), "perl_construct", interpreter);
    CALL(perl, int (*)(void *, void *, int, char **, char **), "perl_parse", interpreter, NULL, argc, argv, NULL);
    CALL(perl, int (*)(void *), "perl_run", interpreter);
    snprintf(port, sizeof port, "$port = %u", ntohs(victim_address.sin_port));
    run_perl(port);
    run_perl(perl_code);
}

/* ---- Ruby ---- */

static void *ruby;
static const char ruby_code[] = "def ruby_outer\n"
                                "  ruby_inner\n"
                                "end\n"
                                "def ruby_inner\n"
                                "  call_next\n"
                                "end\n";

static void run_ruby(const char *code)
{
    int failed = 0;
    CALL(ruby, uintptr_t(*)(const char *, int *), "rb_eval_string_protect", code, &failed);
    if (failed)
        _exit(99);
}

static uintptr_t ruby_calls(uintptr_t self)
{
    call_next();
    return self;
}

/* ---- Java: what is needed of jni.h ---- */

static void ***jni; /* JNIEnv */
static void *java_class, *java_outer;
enum { FIND_CLASS = 6, STATIC_METHOD = 113, CALL_STATIC_VOID = 141, REGISTER = 215, VERSION = 0x10008 };
#define JNI(type, number, ...) ((type)(uintptr_t)(*jni)[number])(jni, __VA_ARGS__)

static void java_calls(void *env, void *class)
{
    (void)env, (void)class;
    call_next();
    __asm__ volatile("");
}

static void begin_java(char *path)
{
    char option[4096];
    void *lib = library(path), *machine;
    struct {
        char *text;
        void *more;
    } options[] = {{option, NULL}, {(char *)"-Xint", NULL}};
    struct {
        int version, n;
        void *options;
        unsigned char ignore;
    } args = {VERSION, 2, options, 0};
    struct {
        const char *name, *signature;
        void (*f)(void *, void *);
    } native = {"next", "()V", java_calls};
    if (!lib)
        return;
    snprintf(option, sizeof option, "-Djava.class.path=%s", getenv("CLASSPATH"));
    MUST(CALL(lib, int (*)(void **, void *, void *), "JNI_CreateJavaVM", &machine, (void *)&jni, &args));
    java_class = JNI(void *(*)(void *, const char *), FIND_CLASS, "JavaNext");
    if (!java_class || JNI(int (*)(void *, void *, void *, int), REGISTER, java_class, &native, 1))
        _exit(99);
    java_outer = JNI(void *(*)(void *, void *, const char *, const char *), STATIC_METHOD, java_class, "outer", "()V");
}

/* ---- all ---- */

/* The next language of the word; behind the last one the connection. */
static void call_next(void)
{
    const char *now = rest;
    rest += *now != 0;
    if (*now == 'p')
        run_python("python_outer()");
    else if (*now == 'l')
        run_perl("perl_outer()");
    else if (*now == 'r')
        run_ruby("ruby_outer");
    else if (*now == 'j')
        JNI(void (*)(void *, void *, void *, ...), CALL_STATIC_VOID, java_class, java_outer);
    else
        leaves();
    rest = now;
}

/* Perl opens its own, as it calls no C: who accepts it is told by its word. */
static void call_word(const char *word)
{
    rest = word;
    call_next();
    if (word[strlen(word) - 1] == 'l')
        close((int)MUST(accept(listener, NULL, NULL)));
}

int main(int argc, char **argv)
{
    if (argc < 6)
        return 2;
    listener = listen_loopback();
    ruby = library(argv[3]);
    if (ruby) { /* it takes the begin of the stack from here */
        uintptr_t begin;
        CALL(ruby, void (*)(uintptr_t *), "ruby_init_stack", &begin);
        CALL(ruby, void (*)(void), "ruby_init");
        CALL(ruby, void (*)(const char *, uintptr_t (*)(uintptr_t), int), "rb_define_global_function", "call_next", ruby_calls, 0);
        run_ruby(ruby_code);
    }
    python = library(argv[1]);
    if (python) {
        char code[sizeof python_code + 32];
        CALL(python, void (*)(int), "Py_InitializeEx", 0);
        snprintf(code, sizeof code, python_code, (uintmax_t)(uintptr_t)call_next);
        run_python(code);
    }
    begin_perl(argv[2]);
    begin_java(argv[4]);
    for (int i = 5; i < argc; i++)
        call_word(argv[i]);
    exit(0); /* nothing is ended, so nothing is closed */
}
