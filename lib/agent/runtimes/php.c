/* SPDX-License-Identifier: MIT */
/*
 * php.c: finds PHP 7.4, 8.2 and 8.4 without threads, and where it keeps its frames.
 *
 * Called when the object with the interpreter is met for the first time. PHP's first module says
 * for which version and kind of build it was compiled. The offsets are known for each version; one
 * that is not in the table is refused, and so is a build whose executor_globals have another size.
 */
#include "php.h"

#define REGISTRY_BUCKETS 16u /* HashTable.arData */
#define MODULE_SIZE 168u     /* zend_module_entry: the same since 7.0 */
#define MODULE_API 4u
#define MODULE_DEBUG 8u
#define MODULE_ZTS 9u
#define MODULE_BUILD 160u
#define EG_IN_SHUTDOWN 1u

struct php_layout php;

/*
 * From the headers of each version as Debian builds it, read with offsetof: zend_globals.h,
 * zend_compile.h, zend_generators.h.
 */
static const struct version {
    uint32_t api; /* ZEND_MODULE_API_NO */
    uint32_t executor_size;
    struct php_layout l;
} versions[] = {
    /* 7.4 */
    {.api = 20190902,
     .executor_size = 1664,
     .l = {.current = 488,
           .exception = 864,
           .before_exception = 880,
           .exception_op = 888,
           .flags = 993,
           .n_ops = 60,
           .ops = 64,
           .file = 136,
           .first_line = 144,
           .generator_frame = 64,
           .generator_parent = 160,
           .generator_fake = 200}},
    /* 8.2 */
    {.api = 20220829,
     .executor_size = 1800,
     .l = {.current = 488,
           .exception = 864,
           .before_exception = 880,
           .exception_op = 888,
           .flags = 993,
           .n_ops = 80,
           .ops = 88,
           .file = 152,
           .first_line = 160,
           .generator_frame = 56,
           .generator_parent = 152,
           .generator_fake = 184}},
    /* 8.4 */
    {.api = 20240924,
     .executor_size = 1984,
     .l = {.current = 488,
           .exception = 936,
           .before_exception = 952,
           .exception_op = 960,
           .flags = 1065,
           .n_ops = 96,
           .ops = 104,
           .file = 168,
           .first_line = 176,
           .generator_frame = 56,
           .generator_parent = 152,
           .generator_fake = 184}},
};

static uintptr_t word_at(uintptr_t a)
{
    uintptr_t w = 0;
    return peek(a, &w, sizeof w) ? w : 0;
}

/* The number in TEXT, "API20220829,NTS"; 0: another text, as that of a build with threads. */
static uint32_t api_of_build(const char *text)
{
    uint32_t n = 0;
    if (strncmp(text, "API", 3) != 0)
        return 0;
    for (text += 3; *text >= '0' && *text <= '9' && n < 1u << 27; text++)
        n = n * 10 + (uint32_t)(*text - '0');
    return strcmp(text, ",NTS") == 0 ? n : 0;
}

/* The version of the module that registered first, the interpreter's own. 0: not as expected. */
static uint32_t version_of(uintptr_t registry)
{
    uint8_t module[MODULE_SIZE];
    char build[24] = "";
    uintptr_t at = word_at(word_at(registry + REGISTRY_BUCKETS)); /* the first bucket's value */
    if (!at || !peek(at, module, sizeof module) || (bytes_u32(module, 0) & 0xffff) != MODULE_SIZE || module[MODULE_DEBUG] ||
        module[MODULE_ZTS])
        return 0;
    peek_some(bytes_u64(module, MODULE_BUILD), build, sizeof build - 1);
    uint32_t api = api_of_build(build);
    return api == bytes_u32(module, MODULE_API) ? api : 0;
}

static bool is_named(uintptr_t text, const char *name)
{
    char there[8] = "";
    return text && peek_some(text, there, sizeof there - 1) && strcmp(there, name) == 0;
}

static bool php_find(struct exports *e)
{
    uint64_t executor_size = 0, evaluator_size = 0;
    uintptr_t evaluator = exports_find(e, "execute_ex", &evaluator_size),
              registry = evaluator ? exports_find(e, "module_registry", NULL) : 0;
    /* most objects have no such name: they are done with here */
    if (!registry || !exports_find(e, "zend_ce_closure", NULL))
        return false;
    uintptr_t executor = exports_find(e, "executor_globals", &executor_size), sapi = exports_find(e, "sapi_module", NULL),
              generator_class = exports_find(e, "zend_ce_generator", NULL);
    if (!executor)
        return runtime_refuse(&runtime_php, "it is a build with threads (ZTS)");
    if (!sapi || !generator_class)
        return runtime_refuse(&runtime_php, "it does not export what is needed");
    uint32_t api = version_of(registry);
    if (!api)
        return runtime_refuse(&runtime_php, "it is a special build");
    for (unsigned i = 0; i < sizeof versions / sizeof *versions; i++) {
        if (versions[i].api != api)
            continue;
        if (versions[i].executor_size != executor_size)
            return runtime_refuse(&runtime_php, "its structures are of another size");
        struct php_layout l = versions[i].l;
        l.executor = executor;
        l.generator_class = generator_class;
        l.evaluator = evaluator;
        l.evaluator_end = evaluator + evaluator_size;
        l.ends_with_request = is_named(word_at(sapi), "cli");
        php = l;
        php_walk_reset();
        return true;
    }
    return runtime_refuse(&runtime_php, "its version is not known");
}

static bool is_digits(const char *from, const char *to, unsigned least)
{
    for (const char *p = from; p < to; p++)
        if (*p < '0' || *p > '9')
            return false;
    return to >= from + least;
}

/*
 * The extensions that come as shared objects: in php/20220829/, in php82/modules/, in
 * php/extensions/no-debug-non-zts-20220829/.
 */
static bool php_owns(const char *path, bool is_program)
{
    static const char kind[] = "no-debug-non-zts-";
    const char *base = strrchr(path, '/'), *at = base;
    if (is_program || !base)
        return false;
    while (at > path && at[-1] != '/')
        at--;
    const char *folder = at;
    if (strncmp(folder, kind, sizeof kind - 1) == 0)
        return strstr(path, "/php/extensions/") && is_digits(folder + sizeof kind - 1, base, 8);
    if (folder == path || (!is_digits(folder, base, 8) && strncmp(folder, "modules/", 8) != 0))
        return false;
    for (at = folder - 1; at > path && at[-1] != '/';)
        at--;
    return strncmp(at, "php", 3) == 0 && is_digits(at + 3, folder - 1, 0);
}

/*
 * From 8.0 on exit() is an exception that nothing catches: what the functions that it leaves have
 * kept is closed on its way. Another thread may ask, so all is read through the kernel.
 */
static bool is_exit(uintptr_t exception)
{
    static const char exit_class[] = "UnwindExit";
    char name[sizeof exit_class] = "";
    uintptr_t class = word_at(exception + PHP_OBJECT_CLASS), string = class ? word_at(class + PHP_CLASS_NAME) : 0;
    return string && peek(string + PHP_STRING_TEXT, name, sizeof name) && memcmp(name, exit_class, sizeof name) == 0;
}

/*
 * At the end of a request PHP closes what the program has kept. Code of the program that runs then,
 * as a destructor, closes for itself.
 */
static bool php_is_ending(void)
{
    if (!php.ends_with_request)
        return false;
    uintptr_t exception = *(const volatile uintptr_t *)(php.executor + php.exception);
    bool shuts_down = *(const volatile uint8_t *)(php.executor + php.flags) & EG_IN_SHUTDOWN;
    return (shuts_down && !*(const volatile uintptr_t *)(php.executor + php.current)) || (exception && is_exit(exception));
}

static void php_forget(void)
{
    php.ends_with_request = false;
    php_walk_reset();
}

const struct runtime runtime_php = {
    .number = RUNTIME_PHP,
    .find = php_find,
    .owns = php_owns,
    .walk = php_walk,
    .name = php_name,
    .is_ending = php_is_ending,
    .forget = php_forget,
};
