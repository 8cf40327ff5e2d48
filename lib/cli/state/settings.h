/* SPDX-License-Identifier: MIT */
/*
 * settings.h: what governs a report besides the command line: what the program says of itself (sockleak_default_options and
 * sockleak_default_suppressions, by way of its state file), and over it SOCKLEAK_OPTIONS.
 *
 * The program's texts are as little trusted as the rest of its file: they choose how much is shown and what is left out, no file is opened for them.
 */
#ifndef SOCKLEAK_CLI_STATE_SETTINGS_H
#define SOCKLEAK_CLI_STATE_SETTINGS_H

#include "../../core/options.h"
#include "../../core/suppress.h"
#include "../base/arena.h"
#include "load.h"

/* Over O: the default options of L's program; those of the environment. Nothing is complained of: the agent has done that. */
void settings_program(struct options *o, const struct loaded_file *l);
void settings_environment(struct options *o);

/* The rules of many processes; equal texts, as two hundred workers have, are one set with common counters. A zeroed one is empty. */
struct settings_rules {
    struct arena arena;
    struct settings_set {
        const char *text;
        size_t len, n;
        struct suppression *rules;
    } * sets;
    size_t n_sets, cap_sets;
};
/* Those of L's program; NULL when it has none. They stay until the end of S. */
struct suppression *settings_rules_of(struct settings_rules *s, const struct loaded_file *l, size_t *n);
void settings_rules_free(struct settings_rules *s);
/* "Suppressions used:", over RULES and all sets. */
void settings_print_used(struct out *o, uint32_t pid, const struct suppression *rules, size_t n, const struct settings_rules *s);

#endif
