/* SPDX-License-Identifier: MIT */
/*
 * detach.c: `sockleak detach PID`: stops recording; the process is as before but for a mapped,
 * dormant library.
 *
 * The agent's own watcher undoes the redirections when a word in the shared state file asks for it.
 * Only where there is no watcher, a thread of the process is made to call the agent's entry.
 */
#include "detach.h"

#include <stdlib.h>
#include <string.h>

#include "../base/cli.h"
#include "../kernel/procfs.h"
#include "../remote/agent.h"
#include "../remote/check.h"
#include "wake.h"

const char usage_detach[] = "usage: sockleak detach PID\n"
                            "\n"
                            "Stops recording and undoes every redirection. The agent stays mapped, dormant; `sockleak attach`\n"
                            "wakes it again. The state file keeps what was recorded: `sockleak report` still shows it.\n"
                            "\n"
                            "  -h, --help\n"
                            "\n"
                            "EXAMPLES\n"
                            "  sockleak detach 4242\n";

static bool has_left(const struct state_header *h, uint64_t unused)
{
    (void)unused;
    return !atomic_load(&h->attached) || atomic_load(&h->end) != END_RUNNING;
}

/*
 * Was the library preloaded? Then the loader itself bound the program's calls to it, and there is
 * nothing to put back.
 */
static bool is_preloaded(pid_t pid)
{
    char path[64], *word = NULL;
    size_t cap = 0;
    bool found = false;
    snprintf(path, sizeof(path), "/proc/%d/environ", procfs_alive(pid));
    FILE *f = fopen(path, "re");
    while (f && !found && getdelim(&word, &cap, '\0', f) > 0)
        found = strncmp(word, "LD_PRELOAD=", 11) == 0 && strstr(word, "libsockleak");
    if (f)
        fclose(f);
    f = found ? NULL : fopen("/etc/ld.so.preload", "re");
    while (f && !found && getline(&word, &cap, f) > 0)
        found = strstr(word, "libsockleak");
    if (f)
        fclose(f);
    free(word);
    return found;
}

static int put_to_sleep(pid_t pid, struct loaded_file *l)
{
    const struct state_header *h = state_head(&l->view);
    if (!load_can_write(l) || !load_put32(l, &h->enabled, 0))
        return cli_fail("no permission to write %s: run as the process' user or as root", l->path);
    load_put32(l, &h->request, atomic_load(&h->request) + 1);
    attach_wake_word(&h->request);
    if (l->life == LIFE_STOPPED) {
        cli_warn("process %d is stopped: what attach has redirected is put back when it goes on", pid);
        return CLI_OK;
    }
    /*
     * A forked child of an attached process inherits the redirected entries, but has a table of its
     * own, in which `attached` is not set.
     */
    bool watched = atomic_load(&h->watcher_tid);
    if ((watched && attach_wait(has_left, h, 0, pid)) || (!watched && !atomic_load(&h->attached) && is_preloaded(pid)))
        return CLI_OK;
    struct refusal why = {""};
    struct process_facts now; /* after the wait: it may have been stopped meanwhile */
    process_read(pid, &now);
    const char *refused = agent_withdraw(&now, &why);
    return refused ? cli_fail("recording is off, but calls still go through the agent: %s", refused) : CLI_OK;
}

int detach_process(pid_t pid)
{
    struct refusal why = {""};
    struct loaded_file l;
    struct process_facts process;
    process_read(pid, &process);
    const char *refused = check_exists(&process, &why);
    if (refused)
        return cli_fail("%s", refused);
    if (attach_load(&l, pid)) {
        int status = CLI_OK;
        if (state_head(&l.view)->traced)
            status =
                cli_fail("process %d (%s) is watched from outside by `sockleak run`, which ends with it: its filter cannot be taken off",
                         pid, process.name);
        else if (atomic_load(&state_head(&l.view)->enabled) || atomic_load(&state_head(&l.view)->attached))
            status = put_to_sleep(pid, &l);
        else
            cli_warn("process %d (%s) is not recording; nothing to do", pid, process.name);
        load_free(&l);
        return status;
    }
    refused = agent_withdraw(&process, &why);
    return refused ? cli_fail("%s", refused) : CLI_OK;
}

static const struct option detach_options[] = {
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

int cmd_detach(int argc, char **argv)
{
    pid_t pid;
    int c;
    while ((c = getopt_long(argc, argv, ":h", detach_options, NULL)) != -1) {
        if (c == 'h')
            return cli_help();
        return cli_bad_option(c, argv);
    }
    if (argc - optind != 1)
        return cli_misuse("give one PID");
    if (!cli_pid(argv[optind], &pid))
        return CLI_USAGE;
    return detach_process(pid);
}
