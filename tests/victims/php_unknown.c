/* SPDX-License-Identifier: MIT */
/*
 * php_unknown.c: exports what PHP exports, of a version and build that the flags give.
 */
#include <stdint.h>
#include <sys/socket.h>

#ifndef API
#define API 20220829
#endif
#ifndef BUILD
#define BUILD "API20220829,NTS"
#endif
#ifndef DEBUG_BUILD
#define DEBUG_BUILD 0
#endif
#ifndef SIZE
#define SIZE 1800
#endif

/* zend_module_entry */
static struct {
    uint16_t size;
    uint32_t api;
    uint8_t debug, zts;
    void *others[18];
    const char *build;
} core = {.size = 168, .api = API, .debug = DEBUG_BUILD, .build = BUILD};
_Static_assert(sizeof core == 168, "as in all versions");

static const void *bucket[4] = {&core};
const void *module_registry[7] = {0, 0, bucket};
const char *sapi_module[35] = {"cli"};
void *zend_ce_generator, *zend_ce_closure;
#ifdef THREADS
int executor_globals_id;
#else
char executor_globals[SIZE] __attribute__((aligned(32)));
#endif

int execute_ex(void);
int execute_ex(void) { return socket(AF_INET, SOCK_STREAM, 0); }

int main(void) { return execute_ex() < 0; }
