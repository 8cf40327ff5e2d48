/* SPDX-License-Identifier: MIT */
/*
 * report.c: one report over all processes of a run.
 *
 * Called by run.c once the program has ended; some of its processes may still run. Processes are
 * merged by call site: two hundred workers that leak in the same line are one group.
 */
#include "report.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../core/json.h"
#include "../../core/text.h"
#include "../base/cli.h"
#include "../model/circumstances.h"
#include "../model/merge.h"
#include "../model/model.h"
#include "../render/formats.h"
#include "../state/load_set.h"
#include "../state/paths.h"
#include "../state/settings.h"
#include "../symbolize/symbolize.h"
#include "survivors.h"

bool run_report_ready(struct run_report *r)
{
    if (!suppression_files_read(&r->arena, r->suppressions, &r->rules, &r->n_rules)) {
        arena_free(&r->arena);
        return false;
    }
    if (!r->json)
        return true;
    r->json_file = strcmp(r->json, "-") == 0 ? stdout : fopen(r->json, "we");
    if (r->json_file)
        return true;
    cli_fail("cannot write %s: %s", r->json, strerror(errno));
    arena_free(&r->arena);
    return false;
}

/* ---- what the agents logged ------------------------------------------------------------------ */

struct notes {
    char **lines;
    size_t n, cap;
};

/* What follows "==PID==" in a line that an agent has logged; NULL for any other line. */
static const char *after_pid(const char *line)
{
    if (strncmp(line, "==", 2) != 0)
        return NULL;
    for (line += 2; isdigit((unsigned char)*line); line++)
        ;
    return strncmp(line, "==", 2) == 0 ? line + 2 : NULL;
}

/*
 * Prints a note once, however many processes have logged it. Retractions are left out: the final
 * report has taken them into account.
 */
static void pass_note(struct notes *notes, const char *line, const char *note)
{
    for (size_t i = 0; i < notes->n; i++)
        if (strcmp(notes->lines[i], note) == 0)
            return;
    if (notes->n == 100 || strncmp(note, "sockleak: released: ", 20) == 0)
        return;
    if (notes->n == notes->cap)
        notes->lines = arena_grow(notes->lines, notes->cap = notes->cap ? notes->cap * 2 : 16, sizeof *notes->lines);
    notes->lines[notes->n++] = strdup(note);
    fputs(line, stderr);
}

/* The first line of who held what when nothing was left, or at the threshold before that. */
static bool is_of_exhaustion(const char *text)
{
    return strncmp(text, "ERROR: sockleak: ", 17) == 0 || strstr(text, " descriptors are in use (threshold)") != NULL;
}

/*
 * Passes on the notes of one log, and the reports that somebody asked for (sockleak_check, a
 * signal), which end with a summary. What an agent reported by itself while the program ran has no
 * summary and is left out: the final report has it. But not who held what when a call failed for
 * want of it: that is passed on, with what the agent reported right after it.
 */
static void pass_log(struct notes *notes, const char *path)
{
    char *line = NULL, *report = NULL;
    size_t room = 0, report_size = 0;
    bool exhausted = false;
    FILE *f = fopen(path, "re"), *block = open_memstream(&report, &report_size);
    while (f && block && getline(&line, &room, f) > 0) {
        const char *text = after_pid(line);
        if (text && strncmp(text, "sockleak: ", 10) == 0) {
            pass_note(notes, line, text);
            exhausted = false;
            continue;
        }
        exhausted |= text && is_of_exhaustion(text);
        fputs(line, exhausted ? stderr : block);
        if (text && strncmp(text, "SUMMARY: ", 9) == 0) {
            fflush(block);
            fwrite(report, 1, report_size, stderr);
            rewind(block);
        }
    }
    if (block)
        fclose(block);
    free(report);
    free(line);
    if (f)
        fclose(f);
}

static bool has_suffix(const char *name, const char *suffix)
{
    size_t n = strlen(name), k = strlen(suffix);
    return n > k && strcmp(name + n - k, suffix) == 0;
}

static void take_logs(const char *dir)
{
    struct notes notes = {0};
    struct dirent **names;
    char path[CLI_PATH_MAX + 300];
    int n = scandir(dir, &names, NULL, versionsort);
    for (int i = 0; i < n; i++) {
        if (has_suffix(names[i]->d_name, ".log")) {
            snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name);
            pass_log(&notes, path);
            unlink(path);
        }
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    for (size_t i = 0; i < notes.n; i++)
        free(notes.lines[i]);
    free(notes.lines);
}

/* ---- the report ------------------------------------------------------------------------------ */

/* Drops the files that an earlier run left in the user's directory. */
static void drop_older(struct load_set *set, uint64_t started_ns)
{
    size_t kept = 0;
    for (size_t i = 0; i < set->n; i++) {
        if (set->items[i].same_boot && state_head(&set->items[i].view)->opened_mono_ns >= started_ns)
            set->items[kept++] = set->items[i];
        else
            load_free(&set->items[i]);
    }
    set->n = kept;
}

static void print_text(const struct model *models, size_t n, const struct model *all, size_t leaking)
{
    char buf[65536], circumstances[256];
    struct out o;
    format_open(&o, stderr, buf, sizeof buf);
    const struct report *only = NULL;
    for (size_t i = 0; i < n; i++) {
        const struct report *r = &models[i].report;
        if (!r->n_groups)
            continue;
        only = r;
        model_circumstances(&models[i], circumstances, sizeof circumstances);
        if (load_is_live(models[i].from) && !circumstances[0])
            snprintf(circumstances, sizeof circumstances, "still runs");
        if (leaking > 1)
            out_fmt(&o, "==%u==sockleak: %s: %llu socket%s stuck; %s\n", r->pid, r->exe, (unsigned long long)r->leaks,
                    r->leaks == 1 ? "" : "s", circumstances);
        else if (models[i].from->life != LIFE_EXITED)
            out_fmt(&o, "==%u==sockleak: %s: %s\n", r->pid, r->exe, circumstances);
    }
    if (leaking == 1)
        text_report(&o, only);
    else
        text_report(&o, &all->report);
    format_flush(&o);
}

static void print_json(FILE *f, const struct model *models, size_t n, const struct model *all)
{
    char buf[65536];
    struct out o;
    format_open(&o, f, buf, sizeof buf);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < models[i].report.n_groups; k++)
            json_group(&o, &models[i].report, &models[i].report.groups[k]);
    if (all->report.print_summary)
        json_summary(&o, &all->report);
    format_flush(&o);
}

/*
 * Removes the state files that processes left behind at an exec into a program without the agent.
 */
static void remove_aside(const char *dir)
{
    char path[CLI_PATH_MAX + 300];
    pid_t pid;
    uint64_t start;
    char state;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (!paths_pid_name(e->d_name, STATEDIR_ASIDE, &pid) || (load_stat(pid, &start, &state) && state != 'Z'))
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        unlink(path);
    }
    if (d)
        closedir(d);
}

/* Removes the state files of processes that are gone; ALL: of the others too, which nobody writes to any more. */
static void remove_files(const struct load_set *set, const char *dir, bool all)
{
    for (size_t i = 0; i < set->n; i++)
        if (all || !load_is_live(&set->items[i]))
            unlink(set->items[i].path);
    remove_aside(dir);
}

static void resolve_options(struct run_report *r, const struct load_set *set)
{
    options_default(&r->chosen);
    for (size_t i = 0; i < set->n; i++)
        if (set->items[i].pid != r->pid)
            settings_program(&r->chosen, &set->items[i]);
    for (size_t i = 0; i < set->n; i++)
        if (set->items[i].pid == r->pid)
            settings_program(&r->chosen, &set->items[i]);
    settings_environment(&r->chosen);
}

static void print_used(const struct run_report *r, const struct settings_rules *own)
{
    char buf[4096];
    struct out o;
    format_open(&o, stderr, buf, sizeof buf);
    settings_print_used(&o, (uint32_t)r->pid, r->rules, r->n_rules, own);
    format_flush(&o);
}

/* The groups of all processes, as text and JSON. */
static int print_all(struct run_report *r, struct model *models, size_t n, struct model *all)
{
    size_t leaking = 0;
    for (size_t i = 0; i < n; i++) {
        leaking += models[i].report.n_groups != 0;
        model_limit(&models[i], r->chosen.max_leaks);
    }
    model_limit(all, r->chosen.max_leaks);
    if (leaking)
        print_text(models, n, all, leaking);
    else if (all->report.suppressed)
        fprintf(stderr, "==%d==sockleak: nothing is stuck but %llu suppressed socket%s\n", (int)r->pid,
                (unsigned long long)all->report.suppressed, all->report.suppressed == 1 ? "" : "s");
    if (!r->json_file)
        return CLI_OK;
    print_json(r->json_file, models, n, all);
    bool bad = ferror(r->json_file) != 0;
    bad = (r->json_file == stdout ? fflush(stdout) : fclose(r->json_file)) != 0 || bad;
    return bad ? cli_fail("cannot write %s: %s", r->json, strerror(errno)) : CLI_OK;
}

/*
 * Removes what belongs to processes that are gone, and names those that live: their files will be
 * in the directory.
 */
static void drop_directory(const struct run_report *r, const struct load_set *set)
{
    struct survivors alive;
    survivors_find(&alive, set, r->dir);
    if (!r->keep)
        remove_files(set, r->dir, r->traced);
    if (!r->keep && (!alive.n || r->traced))
        rmdir(r->dir);
    survivors_print(&alive, r->dir, r->traced);
}

/* ---- the last word of a program that a signal has ended, and that has no report -------------- */

static const char *signal_name(int sig, char buf[24])
{
    static const struct {
        int sig;
        const char *name;
    } names[] = {{SIGHUP, "SIGHUP"},   {SIGINT, "SIGINT"},   {SIGQUIT, "SIGQUIT"}, {SIGABRT, "SIGABRT"}, {SIGKILL, "SIGKILL"},
                 {SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},   {SIGILL, "SIGILL"},   {SIGPIPE, "SIGPIPE"},
                 {SIGALRM, "SIGALRM"}, {SIGTERM, "SIGTERM"}, {SIGUSR1, "SIGUSR1"}, {SIGUSR2, "SIGUSR2"}, {SIGXCPU, "SIGXCPU"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].sig == sig)
            return names[i].name;
    snprintf(buf, 24, "signal %d", sig);
    return buf;
}

/* All that process had open, with the stacks; nothing of it was checked. */
static void print_unchecked(const struct run_report *r, const struct loaded_file *l, struct symbolizer *sym, const struct model_options *o)
{
    struct settings_rules own = {0};
    struct model_options all = *o;
    struct model m;
    char buf[65536], name[24];
    struct out out;
    all.kinds = KINDS_ALL;
    all.own = settings_rules_of(&own, l, &all.n_own);
    model_build(&m, l, sym, &all);
    model_limit(&m, r->chosen.max_leaks);
    format_open(&out, stderr, buf, sizeof buf);
    const char *how = "ended without its exit";
    char by[40];
    if (l->pid == r->pid && r->signal) {
        snprintf(by, sizeof by, "ended by %s", signal_name(r->signal, name));
        how = by;
    } else if (l->pid == r->pid) {
        how = "ended by a system call of its own, not through exit,";
    }
    out_fmt(&out, "==%u==sockleak: %s before anything was checked; %s\n", m.report.pid, how,
            m.report.n_groups ? "open then:" : "no socket was open then");
    for (size_t i = 0; i < m.report.n_groups; i++)
        text_group(&out, &m.report, &m.report.groups[i]);
    format_flush(&out);
    model_free(&m);
    settings_rules_free(&own);
}

/* The program made the system call that ends a process itself, and had sockets that nobody checked. */
static bool ended_unseen(const struct run_report *r, const struct load_set *set)
{
    struct state_slot s;
    for (size_t i = 0; i < set->n; i++) {
        const struct loaded_file *l = &set->items[i];
        uint64_t pos = 0;
        int fd;
        if (l->pid == r->pid && l->life == LIFE_KILLED && !load_relaxed64(&state_head(&l->view)->looks) &&
            state_next_slot(&l->view, &pos, &fd, &s))
            return true;
    }
    return false;
}

static void last_word(const struct run_report *r, const struct load_set *set, struct symbolizer *sym, const struct model_options *o)
{
    char name[24];
    uint64_t open = 0;
    size_t unchecked = 0;
    for (size_t i = 0; i < set->n; i++) {
        const struct loaded_file *l = &set->items[i];
        uint64_t pos = 0;
        struct state_slot s;
        for (int fd; state_next_slot(&l->view, &pos, &fd, &s);)
            open++;
        if (l->life != LIFE_KILLED || load_relaxed64(&state_head(&l->view)->looks) || (!r->signal && l->pid != r->pid))
            continue;
        unchecked++;
        print_unchecked(r, l, sym, o);
    }
    if (unchecked)
        return;
    if (!set->n)
        fprintf(stderr, "==%d==sockleak: ended by %s; no socket of it was recorded\n", (int)r->pid, signal_name(r->signal, name));
    else
        fprintf(stderr, "==%d==sockleak: ended by %s; nothing was stuck at the last look (%llu socket%s open)\n", (int)r->pid,
                signal_name(r->signal, name), (unsigned long long)open, open == 1 ? "" : "s");
}

/* Builds the model of each process, and prints them and ALL, one over all of them. */
static int report_set(struct run_report *r, const struct load_set *set, uint64_t *leaks)
{
    struct settings_rules own = {0};
    struct model_options o = {.kinds = r->kinds,
                              .min_age_ns = r->grace_ns,
                              .rules = r->rules,
                              .n_rules = r->n_rules,
                              .max_sockets = r->chosen.max_sockets,
                              .print_summary = r->chosen.print_summary,
                              .kept = &r->kept,
                              .no_handlers = !(r->chosen.runtimes & RUNTIME_BIT(RUNTIME_JAVASCRIPT)),
                              .reason = -1,
                              .brief = true,
                              .color = format_use_color(stderr, r->chosen.color)};
    struct symbolizer *sym = symbolizer_new(
        &(struct symbolize_options){.names = r->chosen.symbolize, .source = r->chosen.source && !r->no_source, .started_in = "."});
    struct model *models = arena_grow(NULL, set->n + 1, sizeof *models), all;
    for (size_t i = 0; i < set->n; i++) {
        o.min_age_set = r->grace_set && load_is_live(&set->items[i]);
        o.own = settings_rules_of(&own, &set->items[i], &o.n_own);
        model_build(&models[i], &set->items[i], sym, &o);
        if (set->items[i].pid == r->pid)
            models[i].signal = r->signal;
    }
    model_merge(&all, models, set->n, (uint32_t)r->pid, r->exe, &o);
    *leaks = all.report.leaks;
    int status = print_all(r, models, set->n, &all);
    if ((r->signal || ended_unseen(r, set)) && !all.report.leaks && !all.report.suppressed)
        last_word(r, set, sym, &o);
    if (r->chosen.print_suppressions)
        print_used(r, &own);
    for (size_t i = 0; i < set->n; i++)
        model_free(&models[i]);
    model_free(&all);
    free(models);
    symbolizer_free(sym);
    settings_rules_free(&own);
    return status;
}

int run_report_print(struct run_report *r, uint64_t *leaks)
{
    int status = CLI_OK;
    struct load_set set = {0};
    take_logs(r->dir);
    const char *why = load_set_dir(&set, r->dir, load_set_print_error, &status);
    if (why)
        status = cli_fail("%s: %s", r->dir, why);
    drop_older(&set, r->started_ns);
    resolve_options(r, &set);
    load_set_refresh(&set, 1000);
    if (report_set(r, &set, leaks) != CLI_OK)
        status = CLI_FAILED;
    drop_directory(r, &set);
    load_set_free(&set);
    arena_free(&r->arena);
    return status;
}
