/* SPDX-License-Identifier: MIT */
/*
 * options.c: SOCKLEAK_OPTIONS: one descriptor table for parsing, defaults and help.
 *
 * Called once at start in the target (possibly before its main and without any of libc's services),
 * when attach wakes it, and by the command. The text is the user's and may hold anything; a bad
 * word gives one warning and changes nothing else.
 */
#include "options.h"

#include <signal.h>
#include <string.h>

#include "optvalue.h"
#include "word.h"

#define WARN_WORD 64u /* bytes of a bad word that a warning repeats */

typedef void warn_fn(void *arg, const char *line);

enum option_type {
    OPT_BOOL,
    OPT_NUMBER,
    OPT_BIG,
    OPT_TIME,
    OPT_INTERVAL,
    OPT_KINDS,
    OPT_TEXT,
    OPT_FORMAT,
    OPT_COLOR,
    OPT_SIGNAL,
    OPT_SIZE,
    OPT_WHEN,
    OPT_RUNTIMES
};

struct option {
    const char *key;
    uint8_t type;
    uint16_t offset, size; /* of the field in struct options */
    uint64_t max;          /* of numbers */
    const char *initial;   /* the default, as a user would write it */
    const char *meaning;
};

#define FIELD(f) offsetof(struct options, f), sizeof(((struct options *)0)->f)

static const struct option option_table[] = {
    {"enabled", OPT_BOOL, FIELD(enabled), 1, "1", "0: loaded but dormant; records nothing until 'sockleak attach PID' wakes it"},
    {"kinds", OPT_KINDS, FIELD(kinds), 0, "close_wait,fin_wait_2,dead,never_connected,hangup,held_by_child,use_after_close",
     "what counts as a leak; 'all' adds open"},
    {"grace", OPT_TIME, FIELD(grace_ns), 0, "30s",
     "while running, report a socket once its condition has lasted so long with no byte moving"},
    {"interval", OPT_INTERVAL, FIELD(interval_ns), 0, "grace/4",
     "how often the watcher looks (grace/4 within 250ms..10s); 0: no watcher thread"},
    {"leak_check_at_exit", OPT_WHEN, FIELD(leak_check_at_exit), 0, "1",
     "1: report at exit what is stuck; in a program that ran for 10 s, what is so for under a second is counted in one line; 'all': "
     "whatever its age (exitcode and 'sockleak run' set it); 0: nothing"},
    {"exitcode", OPT_NUMBER, FIELD(exitcode), 255, "0",
     "exit status when leaks were reported at exit and the program would have exited with 0"},
    {"max_allowed", OPT_BIG, FIELD(max_allowed), UINT64_MAX, "0", "so many leaked sockets at exit do not change the exit status"},
    {"abort_on_error", OPT_BOOL, FIELD(abort_on_error), 1, "0", "1: abort() at the first reported leak"},
    {"log_path", OPT_TEXT, FIELD(log_path), 0, "stderr",
     "stderr, stdout or a path; %p pid, %e program, %h host, %t start time; without %p '.PID' is appended"},
    {"log_max", OPT_SIZE, FIELD(log_max), 0, "64m", "a log file's size in bytes (k, m, g), then one line that it is full; 0: no limit"},
    {"log_format", OPT_FORMAT, FIELD(log_json), 0, "text", "text or json"},
    {"max_frames", OPT_NUMBER, FIELD(max_frames), STATE_MAX_FRAMES, "64",
     "stack depth, native and runtime frames together, 0..128, of which at most 64 native; of native frames alone 32 unless this is given; "
     "0 keeps counts without stacks"},
    {"runtimes", OPT_RUNTIMES, FIELD(runtimes), 0, "all",
     "whose frames are shown as the program's own code: python, java, javascript, ruby, php, perl, dotnet, or none; python, perl and "
     "ruby are read so far"},
    {"closes", OPT_BOOL, FIELD(closes), 1, "0",
     "1: remember who closed a socket, and report a later call on the closed descriptor (use_after_close); 'sockleak run' sets it"},
    {"max_leaks", OPT_NUMBER, FIELD(max_leaks), UINT32_MAX, "0", "at most so many groups in one report; 0: no limit"},
    {"max_sockets", OPT_NUMBER, FIELD(max_sockets), UINT32_MAX, "8", "sockets listed in a group in text"},
    {"symbolize", OPT_BOOL, FIELD(symbolize), 1, "1", "look names up; 0 prints module and offset only"},
    {"suppressions", OPT_TEXT, FIELD(suppressions), 0, "", "file of suppressions"},
    {"print_suppressions", OPT_BOOL, FIELD(print_suppressions), 1, "1", "list at exit which suppressions matched and how often"},
    {"print_summary", OPT_BOOL, FIELD(print_summary), 1, "1", "the SUMMARY line"},
    {"color", OPT_COLOR, FIELD(color), 0, "auto", "auto, always or never; NO_COLOR is honoured"},
    {"follow_children", OPT_BOOL, FIELD(follow_children), 1, "1", "0: child programs are started without the agent"},
    {"state_dir", OPT_TEXT, FIELD(state_dir), 0, "", "where the state file lives"},
    {"signal", OPT_SIGNAL, FIELD(signal), 64, "0", "a signal number: report now when it arrives; 0: none"},
    {"verbosity", OPT_NUMBER, FIELD(verbosity), 9, "0", "1: say what the agent does"},
    {"help", OPT_BOOL, FIELD(help), 1, "0", "1: print this list"},
};
#define N_OPTIONS (sizeof option_table / sizeof *option_table)

static const char *const color_words[] = {"auto", "always", "never"};

static void *field_of(struct options *o, const struct option *opt) { return (char *)o + opt->offset; }

/* ---- values ---------------------------------------------------------------------------------- */

static bool parse_number(const char *s, size_t len, uint64_t max, uint64_t *value)
{
    uint64_t v = 0;
    for (size_t i = 0; i < len; i++)
        if (s[i] < '0' || s[i] > '9' || __builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (uint64_t)(s[i] - '0'), &v))
            return false;
    *value = v;
    return len > 0 && v <= max;
}

static const char *set_bool(bool *field, const char *s, size_t len)
{
    if (word_is(s, len, "1") || word_is(s, len, "true") || word_is(s, len, "yes") || word_is(s, len, "on"))
        *field = true;
    else if (word_is(s, len, "0") || word_is(s, len, "false") || word_is(s, len, "no") || word_is(s, len, "off"))
        *field = false;
    else
        return "write 0 or 1";
    return NULL;
}

static const char *set_number(const struct option *opt, void *field, const char *s, size_t len)
{
    uint64_t v = 0;
    if (!parse_number(s, len, opt->max, &v))
        return opt->max == 255                ? "not a number from 0 to 255"
               : opt->max == STATE_MAX_FRAMES ? "not a number from 0 to 128"
               : opt->max == 9                ? "not a number from 0 to 9"
                                              : "not a number, or too large";
    if (opt->type == OPT_BIG)
        *(uint64_t *)field = v;
    else
        *(uint32_t *)field = (uint32_t)v;
    return NULL;
}

static const char *set_runtimes(uint32_t *field, const char *s, size_t len)
{
    return runtime_parse(s, len, field) ? NULL
                                        : "write python, java, javascript, ruby, php, perl or dotnet, or a list of them, all or none";
}

static const char *set_signal(uint32_t *field, const char *s, size_t len)
{
    uint64_t v = 0;
    /* 32 and 33 are the threads library's own */
    if (!parse_number(s, len, 64, &v) || v == SIGKILL || v == SIGSTOP || v == 32 || v == 33)
        return "not the number of a signal that can be caught; write 12 for SIGUSR2";
    *field = (uint32_t)v;
    return NULL;
}

static const char *set_text(const struct option *opt, char *field, const char *s, size_t len)
{
    if (len >= opt->size)
        return "too long (at most 511 bytes)";
    if (len == 0 && *opt->initial)
        return "empty";
    memcpy(field, s, len);
    field[len] = 0;
    return NULL;
}

static const char *set_kinds(uint32_t *field, const char *s, size_t len)
{
    const char *bad = NULL;
    size_t bad_len = 0;
    if (!parse_kinds(s, len, field, &bad, &bad_len))
        return "not a list of kinds; write close_wait,fin_wait_2,dead,never_connected,hangup,held_by_child,use_after_close,open or all";
    return NULL;
}

static const char *set_color(uint8_t *field, const char *s, size_t len)
{
    for (size_t i = 0; i < sizeof color_words / sizeof *color_words; i++) {
        if (word_is(s, len, color_words[i])) {
            *field = (uint8_t)i;
            return NULL;
        }
    }
    return "write auto, always or never";
}

static const char *set_when(struct options *o, const char *s, size_t len)
{
    bool all = word_is(s, len, "all");
    if (!all && set_bool(&o->leak_check_at_exit, s, len))
        return "write 0, 1 or all";
    o->leak_check_at_exit |= all;
    o->exit_check_all = all;
    return NULL;
}

/* Returns NULL when S was taken, else the reason why not. */
static const char *set_value(struct options *o, const struct option *opt, const char *s, size_t len)
{
    void *field = field_of(o, opt);
    switch ((enum option_type)opt->type) {
    case OPT_BOOL:
        return set_bool(field, s, len);
    case OPT_NUMBER:
    case OPT_BIG: {
        const char *wrong = set_number(opt, field, s, len);
        o->max_frames_set |= !wrong && field == &o->max_frames;
        return wrong;
    }
    case OPT_TIME:
    case OPT_INTERVAL:
        if (!parse_time(s, len, field))
            return "not a time; write 30s, 5m or 250ms";
        o->interval_set |= opt->type == OPT_INTERVAL;
        return NULL;
    case OPT_KINDS:
        return set_kinds(field, s, len);
    case OPT_TEXT:
        return set_text(opt, field, s, len);
    case OPT_FORMAT:
        if (!word_is(s, len, "text") && !word_is(s, len, "json"))
            return "write text or json";
        *(bool *)field = *s == 'j';
        return NULL;
    case OPT_COLOR:
        return set_color(field, s, len);
    case OPT_SIGNAL:
        return set_signal(field, s, len);
    case OPT_SIZE:
        return parse_size(s, len, field) ? NULL : "not a size; write 64m, 500k, 1g, or 0 for no limit";
    case OPT_WHEN:
        return set_when(o, s, len);
    case OPT_RUNTIMES:
        return set_runtimes(field, s, len);
    }
    return "unknown";
}

static void put_time(struct out *out, uint64_t ns)
{
    uint64_t ms = ns / 1000000u;
    if (ms % 1000 != 0)
        out_fmt(out, "%lums", (unsigned long)ms);
    else if (ms % 3600000u == 0 && ms > 0)
        out_fmt(out, "%luh", (unsigned long)(ms / 3600000u));
    else if (ms % 60000u == 0 && ms > 0)
        out_fmt(out, "%lum", (unsigned long)(ms / 60000u));
    else
        out_fmt(out, "%lus", (unsigned long)(ms / 1000u));
}

static void put_size(struct out *out, uint64_t n)
{
    unsigned unit = 0;
    for (; unit < 3 && n && n % 1024 == 0; unit++)
        n /= 1024;
    out_u64(out, n);
    if (unit)
        out_char(out, " kmg"[unit]);
}

static void put_runtimes(struct out *out, uint32_t mask)
{
    const char *before = "";
    if (!mask || mask == RUNTIMES_ALL)
        out_str(out, mask ? "all" : "none");
    for (unsigned r = 1; r < RUNTIME_COUNT && mask != RUNTIMES_ALL; r++) {
        if (mask & RUNTIME_BIT(r)) {
            out_fmt(out, "%s%s", before, runtime_name(r));
            before = ",";
        }
    }
}

/* The current value, as a user would write it. */
static void put_value(struct out *out, const struct options *o, const struct option *opt)
{
    const void *field = (const char *)o + opt->offset;
    const char *before = "";
    switch ((enum option_type)opt->type) {
    case OPT_BOOL:
        out_char(out, *(const bool *)field ? '1' : '0');
        break;
    case OPT_NUMBER:
    case OPT_SIGNAL:
        out_u64(out, *(const uint32_t *)field);
        break;
    case OPT_BIG:
        out_u64(out, *(const uint64_t *)field);
        break;
    case OPT_INTERVAL:
        if (!o->interval_set) {
            out_str(out, opt->initial);
            break;
        }
        /* fall through */
    case OPT_TIME:
        put_time(out, *(const uint64_t *)field);
        break;
    case OPT_KINDS:
        for (unsigned k = 0; k < KIND_COUNT; k++) {
            if (*(const uint32_t *)field & KIND_BIT(k)) {
                out_fmt(out, "%s%s", before, kind_name(k));
                before = ",";
            }
        }
        break;
    case OPT_TEXT:
        out_clean(out, *(const char *)field ? field : "none", *(const char *)field ? strlen(field) : 4, WARN_WORD);
        break;
    case OPT_FORMAT:
        out_str(out, *(const bool *)field ? "json" : "text");
        break;
    case OPT_COLOR:
        out_str(out, color_words[*(const uint8_t *)field % 3]);
        break;
    case OPT_SIZE:
        put_size(out, *(const uint64_t *)field);
        break;
    case OPT_RUNTIMES:
        put_runtimes(out, *(const uint32_t *)field);
        break;
    case OPT_WHEN:
        out_str(out, o->exit_check_all ? "all" : o->leak_check_at_exit ? "1" : "0");
        break;
    }
}

/* ---- the text -------------------------------------------------------------------------------- */

struct warning {
    struct out out;
    char line[384];
};

static void warning_begin(struct warning *w, const char *word, size_t len)
{
    w->out = (struct out){.buf = w->line, .cap = sizeof w->line - 1};
    out_clean(&w->out, word, len, WARN_WORD);
}

static void warning_end(struct warning *w, const char *after, warn_fn *warn, void *arg)
{
    out_str(&w->out, after);
    w->line[w->out.len] = 0;
    if (warn)
        warn(arg, w->line);
}

#define HUSHED "suppressionS"

static const struct option *find_option(const char *key, size_t len)
{
    if (word_is(key, len, HUSHED))
        key = "suppressions";
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (word_is(key, len, option_table[i].key))
            return &option_table[i];
    return NULL;
}

static void apply_option(struct options *o, const char *key, size_t key_len, const char *value, size_t len, warn_fn *warn, void *arg)
{
    struct warning w;
    const struct option *opt = find_option(key, key_len);
    if (!opt) {
        warning_begin(&w, key, key_len);
        warning_end(&w, ": no such option; help=1 lists them all", warn, arg);
        return;
    }
    const char *wrong = value ? set_value(o, opt, value, len) : "has no value";
    if (opt->offset == offsetof(struct options, suppressions))
        o->suppressions_told = word_is(key, key_len, HUSHED);
    if (!wrong)
        return;
    warning_begin(&w, key, key_len);
    if (value) {
        out_char(&w.out, '=');
        out_clean(&w.out, value, len, WARN_WORD);
    }
    out_fmt(&w.out, ": %s (kept ", wrong);
    put_value(&w.out, o, opt);
    warning_end(&w, ")", warn, arg);
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/*
 * The end of an item that begins at S: its colon, or the end of the text. A colon within quotes
 * does not end it.
 */
static const char *item_end(const char *s)
{
    s += strcspn(s, ":=");
    if (*s == '=' && s[1] == '"') {
        const char *close = strchr(s + 2, '"');
        s = close ? close + 1 : s + strlen(s);
    }
    return s + strcspn(s, ":");
}

static void parse_item(struct options *o, const char *s, const char *end, warn_fn *warn, void *arg)
{
    while (s < end && is_blank(*s))
        s++;
    while (end > s && is_blank(end[-1]))
        end--;
    if (s == end)
        return;
    const char *equals = memchr(s, '=', (size_t)(end - s));
    size_t key_len = (size_t)((equals ? equals : end) - s);
    if (!equals) {
        apply_option(o, s, key_len, NULL, 0, warn, arg);
        return;
    }
    const char *value = equals + 1;
    if (value < end && *value == '"') {
        value++;
        const char *close = memchr(value, '"', (size_t)(end - value));
        if (!close || close + 1 != end) {
            struct warning w;
            warning_begin(&w, s, (size_t)(end - s));
            warning_end(&w, close ? ": the closing quote must be followed by ':' or the end" : ": the quote is not closed", warn, arg);
            return;
        }
        end = close;
    }
    apply_option(o, s, key_len, value, (size_t)(end - value), warn, arg);
}

void options_parse(struct options *o, const char *text, warn_fn *warn, void *arg)
{
    while (text && *text) {
        const char *end = item_end(text);
        parse_item(o, text, end, warn, arg);
        text = *end ? end + 1 : end;
    }
}

static void note_wrong(void *arg, const char *line)
{
    (void)line;
    *(bool *)arg = true;
}

void options_blank(char *text)
{
    while (text && *text) {
        struct options ignored;
        bool wrong = false;
        char *end = text + (item_end(text) - text);
        options_default(&ignored);
        parse_item(&ignored, text, end, note_wrong, &wrong);
        if (wrong || ignored.help)
            memset(text, ':', (size_t)(end - text));
        text = *end ? end + 1 : end;
    }
}

void options_hush(char *text)
{
    while (text && *text) {
        char *end = text + (item_end(text) - text), *key = text + strspn(text, " \t\n\r");
        size_t len = strcspn(key, "=:");
        if (key < end && word_is(key, len, "suppressions"))
            key[len - 1] = 'S';
        text = *end ? end + 1 : end;
    }
}

void options_default(struct options *o)
{
    memset(o, 0, sizeof *o);
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (option_table[i].type != OPT_INTERVAL)
            set_value(o, &option_table[i], option_table[i].initial, strlen(option_table[i].initial));
    o->max_frames_set = false;
    options_finish(o);
}

void options_finish(struct options *o)
{
    const uint64_t least = 250u * 1000000ull, most = 10u * 1000000000ull;
    o->native_frames = o->max_frames_set ? o->max_frames : NATIVE_FRAMES_DEFAULT;
    if (o->native_frames > NATIVE_FRAMES_MAX)
        o->native_frames = NATIVE_FRAMES_MAX;
    if (o->interval_set)
        return;
    o->interval_ns = o->grace_ns / 4;
    o->interval_ns = o->interval_ns < least ? least : o->interval_ns > most ? most : o->interval_ns;
}

/* The default as the help prints it: an empty one is given in words, as what it stands for. */
static const char *default_words(const struct option *opt)
{
    if (*opt->initial)
        return opt->initial;
    return opt->offset == offsetof(struct options, state_dir) ? "$XDG_RUNTIME_DIR/sockleak, else /dev/shm/sockleak-UID" : "no file";
}

void options_help(struct out *out)
{
    out_str(out, "SOCKLEAK_OPTIONS=\"key=value:key=value\"; a value may be put in \"double quotes\" to hold a colon;\n"
                 "times take ms, s, m, h, and a bare number is seconds.\n");
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const struct option *opt = &option_table[i];
        out_fmt(out, "  %-18s  %s (default %s)\n", opt->key, opt->meaning, default_words(opt));
    }
}
