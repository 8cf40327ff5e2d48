/* SPDX-License-Identifier: MIT */
/*
 * look.h: one look at the machine, as samples of all metrics.
 */
#ifndef SOCKLEAK_CLI_EXPORT_LOOK_H
#define SOCKLEAK_CLI_EXPORT_LOOK_H

#include "fleet.h"
#include "ledger.h"
#include "samples.h"

/* What is kept between two looks. */
struct collector {
    struct fleet_memory *memory;
    struct ledger ledger;
    char ledger_path[4096]; /* "": the counters are not kept */
    bool cannot_write;      /* it was said */
    unsigned max_sites;
};

/* False: an error was printed. Counters that cannot be read or kept are a warning. */
bool collector_begin(struct collector *c, unsigned max_sites);
void collector_end(struct collector *c);

/* For samples_free. */
void look_take(struct samples *s, struct collector *c);

#endif
