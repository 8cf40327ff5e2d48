/* SPDX-License-Identifier: MIT */
/*
 * options.c: SOCKLEAK_OPTIONS: one descriptor table for parsing, defaults and help.
 *
 * Called once at start in the target (possibly before its main and without any of libc's services),
 * when attach wakes it, and by the command. The text is the user's and may hold anything; a bad
 * word gives one warning and changes nothing else.
 */
#include "options.h"

#include <string.h>

#include "option.h"
#include "word.h"

typedef void warn_fn(void *arg, const char *line);

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
     "stderr, stdout, none or a path; %p pid, %e program, %h host, %t start time; without %p '.PID' is appended"},
    {"log_max", OPT_SIZE, FIELD(log_max), 0, "64m", "a log file's size in bytes (k, m, g), then one line that it is full; 0: no limit"},
    {"log_format", OPT_FORMAT, FIELD(log_json), 0, "text", "text or json"},
    {"max_frames", OPT_NUMBER, FIELD(max_frames), STATE_MAX_FRAMES, "64",
     "stack depth, native and runtime frames together, 0..128, of which at most 64 native; of native frames alone 32 unless this is given; "
     "0 keeps counts without stacks"},
    {"runtimes", OPT_RUNTIMES, FIELD(runtimes), 0, "all",
     "whose frames are shown as the program's own code: python, java, javascript, ruby, php, perl, dotnet, or none; python, perl and "
     "ruby are read so far"},
    {"source", OPT_BOOL, FIELD(source), 1, "1",
     "1: the source line below the program's first frame in the report at exit, where the command and the file are there"},
    {"closes", OPT_BOOL, FIELD(closes), 1, "0",
     "1: remember who closed a socket, and report a later call on the closed descriptor (use_after_close); 'sockleak run' sets it"},
    {"threshold", OPT_THRESHOLD, FIELD(threshold), 0, "90%",
     "so many descriptors in use, a number or a share of the limit, make the report of exhaustion before the error does; 0: none"},
    {"on_exhaustion", OPT_BOOL, FIELD(on_exhaustion), 1, "1",
     "1: when a call fails because no descriptor, local port or memory is left, report who holds them, at most every ten minutes"},
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

/* ---- the text -------------------------------------------------------------------------------- */

struct warning {
    struct out out;
    char line[384];
};

static void warning_begin(struct warning *w, const char *word, size_t len)
{
    w->out = (struct out){.buf = w->line, .cap = sizeof w->line - 1};
    out_clean(&w->out, word, len, OPTION_SHOWN);
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
    const char *wrong = value ? option_set(o, opt, value, len) : "has no value";
    if (opt->offset == offsetof(struct options, suppressions))
        o->suppressions_told = word_is(key, key_len, HUSHED);
    if (!wrong)
        return;
    warning_begin(&w, key, key_len);
    if (value) {
        out_char(&w.out, '=');
        out_clean(&w.out, value, len, OPTION_SHOWN);
    }
    out_fmt(&w.out, ": %s (kept ", wrong);
    option_put(&w.out, o, opt);
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
            option_set(o, &option_table[i], option_table[i].initial, strlen(option_table[i].initial));
    o->max_frames_set = o->threshold_set = false;
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
