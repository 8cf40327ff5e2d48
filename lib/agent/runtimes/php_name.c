/* SPDX-License-Identifier: MIT */
/*
 * php_name.c: function, file and line of a PHP frame.
 *
 * Called once for each new frame, in the thread that has it. All is read through the kernel.
 */
#include "php.h"

/*
 * The string at S, up to its first NUL: behind that the name of a class without one goes on with
 * its file. KEEP_END: of one that is too long the end, else its beginning. 0: there is none.
 */
static size_t read_string(uintptr_t s, char *out, size_t cap, bool keep_end)
{
    uint8_t head[PHP_STRING_TEXT];
    if (!php_is_address(s) || !peek(s, head, sizeof head) || (bytes_u32(head, PHP_STRING_TYPE) & PHP_TYPE_MASK) != PHP_TYPE_STRING)
        return 0;
    uint64_t n = bytes_u64(head, PHP_STRING_LENGTH), skip = 0;
    if (!n || n >= PHP_STRING_MAX)
        return 0;
    if (n > cap - 1) {
        skip = keep_end ? n - (cap - 1) : 0;
        n = cap - 1;
    }
    if (!peek(s + PHP_STRING_TEXT + skip, out, n))
        return 0;
    out[n] = 0;
    return strlen(out);
}

/*
 * Without the folders in "{closure:/srv/app/db.php:12}", as PHP names a closure from 8.4 on: they
 * differ between hosts.
 */
static void shorten_closure(char *name)
{
    static const char closure[] = "{closure:";
    char *to = name;
    while (strncmp(to, closure, sizeof closure - 1) == 0)
        to += sizeof closure - 1;
    char *slash = to == name ? NULL : strrchr(to, '/');
    if (slash)
        memmove(to, slash + 1, strlen(slash));
}

/* "Db::connect", "connect", "{main}" for the code of a file outside of functions. */
static bool name_function(const uint8_t *function, char *out, size_t cap)
{
    uintptr_t class = bytes_u64(function, PHP_FUNCTION_CLASS), name = bytes_u64(function, PHP_FUNCTION_NAME), class_name;
    size_t n = 0;
    if (class) {
        if (!peek(class + PHP_CLASS_NAME, &class_name, sizeof class_name))
            return false;
        n = read_string(class_name, out, cap, false);
        if (!n)
            return false;
        if (n + 3 < cap) {
            memcpy(out + n, "::", 3);
            n += 2;
        }
    }
    if (!name) {
        static const char main_code[] = "{main}";
        if (n + sizeof main_code <= cap)
            memcpy(out + n, main_code, sizeof main_code);
        return true;
    }
    if (n + 1 < cap && !read_string(name, out + n, cap - n, false))
        return false;
    shorten_closure(out + n);
    return true;
}

bool php_name(const struct runtime_frame *f, struct runtime_name *out, bool *hidden)
{
    uint8_t function[PHP_FUNCTION_SIZE];
    uintptr_t file;
    *hidden = false;
    memset(out, 0, offsetof(struct runtime_name, file) + 1);
    if (!peek(f->word[0], function, sizeof function) || !peek(f->word[0] + php.file, &file, sizeof file) ||
        !name_function(function, out->function, sizeof out->function) || !read_string(file, out->file, sizeof out->file, true))
        return false;
    out->line = (uint32_t)f->word[1];
    out->column = 0;
    out->flags = (f->word[1] & PHP_LINE_OF_FUNCTION) ? FRAME_LINE_OF_FUNCTION : 0;
    return true;
}
