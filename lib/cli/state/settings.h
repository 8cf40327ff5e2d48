/* SPDX-License-Identifier: MIT */
/*
 * settings.h: what shapes a report besides the command line: the program's own defaults
 * (sockleak_default_options and sockleak_default_suppressions, read from its state file), and over
 * them SOCKLEAK_OPTIONS.
 *
 * The program's texts are not trusted, like the rest of its file. They decide only how much is
 * shown and what is left out; no file is opened because of them.
 */
#ifndef SOCKLEAK_CLI_STATE_SETTINGS_H
#define SOCKLEAK_CLI_STATE_SETTINGS_H

#include "../../core/options.h"
#include "../../core/suppress.h"
#include "../base/arena.h"
#include "load.h"

/*
 * Put the default options of L's program, or those of the environment, over O. Bad ones are skipped
 * in silence: the agent has warned of them already.
 */
void settings_program(struct options *o, const struct loaded_file *l);
void settings_environment(struct options *o);

/*
 * The rules of many processes; equal texts, as two hundred workers have, are one set with common
 * counters. A zeroed one is empty.
 */
struct settings_rules {
    struct arena arena;
    struct settings_set {
        const char *text;
        size_t len, n;
        struct suppression *rules;
    } * sets;
    size_t n_sets, cap_sets;
};
/* The rules of L's program, *N of them; NULL when it has none. They live as long as S. */
struct suppression *settings_rules_of(struct settings_rules *s, const struct loaded_file *l, size_t *n);
void settings_rules_free(struct settings_rules *s);
/* "Suppressions used:", over RULES and all sets. */
void settings_print_used(struct out *o, uint32_t pid, const struct suppression *rules, size_t n, const struct settings_rules *s);

#endif
