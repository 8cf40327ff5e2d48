/* SPDX-License-Identifier: MIT */
/*
 * young.h: sockets that are in a state that is asked for, but not for min_age yet: how many, and
 * the youngest of them.
 */
#ifndef SOCKLEAK_CLI_MODEL_YOUNG_H
#define SOCKLEAK_CLI_MODEL_YOUNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../core/report.h"

struct young_socket {
    state_ref site;
    uint64_t since_ns;
    int fd;
    uint8_t kind;
};

/* A zeroed one is empty. */
struct young {
    uint64_t n;
    struct young_socket youngest; /* where n is not 0 */
    /* of which a single one of a site is no finding (finding.h) */
    struct young_socket *reserves;
    size_t n_reserves, cap_reserves;
};

void young_add(struct young *y, const struct finding *f);
/* Counts the reserves that are none, since their site has several, and frees the list. */
void young_end(struct young *y);

#endif
