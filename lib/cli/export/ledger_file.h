/* SPDX-License-Identifier: MIT */
/*
 * ledger_file.h: the ledger on disk, so that counters go on after a restart of the exporter.
 */
#ifndef SOCKLEAK_CLI_EXPORT_LEDGER_FILE_H
#define SOCKLEAK_CLI_EXPORT_LEDGER_FILE_H

#include "../base/cli.h"
#include "ledger.h"

#define LEDGER_FILE "export.counters"

/*
 * Where it lies: $STATE_DIRECTORY (a systemd service's StateDirectory=), else the state directory of
 * this user, which is made where it is not there. False: neither can be used; WHY gets a sentence.
 */
bool ledger_file_path(char path[CLI_PATH_MAX], const char **why);
/*
 * Reads PATH into L, which is empty. NULL, also when there is no such file; or a sentence, and L is
 * empty: a file is taken whole or not at all.
 */
const char *ledger_file_read(struct ledger *l, const char *path);
/* 0 or -errno. */
int ledger_file_write(struct ledger *l, const char *path);

#endif
