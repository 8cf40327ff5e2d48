/* SPDX-License-Identifier: MIT */
/*
 * standalone.h: a main for a fuzz target that runs it over the files and directories that are
 * given, where there is no libFuzzer (-DFUZZ_STANDALONE).
 */
#ifndef SOCKLEAK_TESTS_STANDALONE_H
#define SOCKLEAK_TESTS_STANDALONE_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifdef FUZZ_STANDALONE
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static unsigned standalone_runs;

static int standalone_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)ftw;
    if (type != FTW_F)
        return 0;
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(1);
    }
    uint8_t *data = malloc((size_t)st->st_size + 1);
    size_t n = fread(data, 1, (size_t)st->st_size, f);
    fclose(f);
    LLVMFuzzerTestOneInput(data, n);
    free(data);
    standalone_runs++;
    return 0;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (nftw(argv[i], standalone_file, 16, FTW_PHYS) != 0) {
            perror(argv[i]);
            return 1;
        }
    }
    printf("%u inputs\n", standalone_runs);
    return 0;
}
#endif

#endif
