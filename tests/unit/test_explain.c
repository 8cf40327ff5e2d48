/* SPDX-License-Identifier: MIT */
/*
 * test_explain.c: the search for who holds a descriptor's number, on memory that is made here; and what else is pure of `explain`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/explain/chunks.h"
#include "cli/explain/holders.h"
#include "cli/explain/meanwhile.h"
#include "cli/explain/search.h"
#include "cli/explain/snapshot.h"
#include "cli/explain/target.h"
#include "cli/explain/watchers.h"
#include "core/state.h"
#include "statefile.h"

/* ---- memory ---------------------------------------------------------------------------------- */

#define SIZE 65536u
#define HEAP 0x555555560000ull
#define OTHER 0x7ffff0000000ull
#define MODULE 0x400000ull

static _Alignas(16) unsigned char heap[SIZE], other[SIZE];
static struct memory_region regions[3];
static struct memory_target targets[1];
static struct memory memory;
static struct search_query query;
static struct search_result result;
static uint64_t at; /* of the next chunk */
static const int open_ones[] = {0, 1, 2, 3, 40, 41, 42, 43, 44};

static void put64(unsigned char *p, uint64_t v) { memcpy(p, &v, sizeof v); }
static void put32(unsigned char *p, int v) { memcpy(p, &v, sizeof v); }

static int begin(void **state)
{
    (void)state;
    memset(heap, 0, sizeof heap);
    memset(other, 0, sizeof other);
    regions[0] = (struct memory_region){.start = HEAP, .size = SIZE, .data = heap, .kind = MEMORY_HEAP};
    regions[1] = (struct memory_region){.start = OTHER, .size = SIZE, .data = other, .kind = MEMORY_OTHER};
    targets[0] = (struct memory_target){.start = MODULE, .end = MODULE + 0x10000, .exec = true};
    memory = (struct memory){.regions = regions, .n_regions = 2, .targets = targets, .n_targets = 1, .complete = true, .read = 2 * SIZE};
    query = (struct search_query){.memory = &memory,
                                  .n = 3,
                                  .n_stuck = 3,
                                  .numbers = {40, 41, 42},
                                  .n_controls = 16,
                                  .open = open_ones,
                                  .n_open = sizeof open_ones / sizeof *open_ones};
    for (int i = 0; i < 16; i++)
        query.controls[i] = 100 + i;
    at = 0;
    return 0;
}

/* A chunk in use of SIZE bytes; what malloc returned, in our copy. */
static unsigned char *chunk(uint64_t size)
{
    unsigned char *p = heap + at;
    put64(p + 8, size | 1);
    at += size;
    return p + 16;
}
/* What is left of the heap. */
static void end(void) { put64(heap + at + 8, (SIZE - at) | 1); }
static uint64_t address_of(const unsigned char *p) { return HEAP + (uint64_t)(p - heap); }
static void search(void) { search_numbers(&result, &query); }

/* An object of SIZE with NUMBER at OFFSET and a pointer into the module 24 bytes behind it. */
static unsigned char *object(uint64_t size, uint64_t offset, int number)
{
    unsigned char *p = chunk(size);
    put32(p + offset, number);
    put64(p + offset + 24, MODULE + 0x120);
    return p;
}

/* One for each of the numbers that are searched. */
static void three_objects(void)
{
    for (int i = 0; i < 3; i++)
        object(0x220, 0x40, 40 + i);
}

/* Ends the heap and searches it: COUNT sorts of objects are found. A macro, for its place in a message. */
#define FINDS(count) (end(), search(), assert_int_equal(result.n_objects, count))

static struct chunks walked(void)
{
    struct chunks c = {0};
    chunks_walk(&c, &regions[0]);
    chunks_settle(&c, &memory);
    return c;
}

/* ---- chunks ---------------------------------------------------------------------------------- */

static void chunks_of_a_heap_are_found_by_their_headers(void **state)
{
    (void)state;
    unsigned char *a = chunk(0x40), *b = chunk(0x220);
    end();
    struct chunks c = walked();
    assert_int_equal(c.n, 3);
    const struct chunk *k = chunks_find(&c, address_of(b) + 0x100);
    assert_non_null(k);
    assert_true(k->user == address_of(b) && k->used);
    assert_int_equal(chunks_size(k), 0x220);
    assert_true(chunks_find(&c, address_of(a))->user == address_of(a));
    /* the last 8 bytes that a chunk may use are in the next one's header; its size is nobody's */
    assert_true(chunks_find(&c, address_of(a) + 0x37)->user == address_of(a));
    assert_null(chunks_find(&c, address_of(a) + 0x38));
    assert_null(chunks_find(&c, HEAP));
    assert_null(chunks_find(&c, HEAP + 2 * SIZE));
    assert_false(c.at[2].used); /* the top */
    chunks_free(&c);
}

static void memory_that_does_not_end_like_a_heap_is_none(void **state)
{
    (void)state;
    struct chunks c = {0};
    chunk(0x40);
    put64(heap + at + 8, 0x8000 | 1); /* and then nothing */
    assert_false(chunks_walk(&c, &regions[0]));
    put64(heap + at + 8, (SIZE - at + 16) | 1); /* beyond the end */
    assert_false(chunks_walk(&c, &regions[0]));
    assert_int_equal(c.n, 0);
    end();
    regions[0].kind = MEMORY_OTHER;
    assert_false(chunks_walk(&c, &regions[0]));
    assert_null(c.at);
}

static void the_heap_of_an_arena_is_walked_from_behind_the_arena(void **state)
{
    (void)state;
    struct chunks c = {0};
    regions[0].kind = MEMORY_ARENA;
    put64(heap, HEAP + 0x30); /* of heap_info and malloc_state */
    at = 0x8d0;
    unsigned char *a = chunk(0x50);
    end();
    assert_true(chunks_walk(&c, &regions[0]));
    assert_true(chunks_find(&c, address_of(a))->user == address_of(a));
    chunks_free(&c);
    /* a further heap of that arena has no arena in front */
    memset(heap, 0, sizeof heap);
    at = 0x30;
    a = chunk(0x50);
    end();
    assert_true(chunks_walk(&c, &regions[0]));
    assert_true(chunks_find(&c, address_of(a))->user == address_of(a));
    chunks_free(&c);
}

static void a_heap_that_another_one_follows_ends_with_a_fence(void **state)
{
    (void)state;
    struct chunks c = {0};
    unsigned char *a = chunk(SIZE - 32);
    put64(heap + at + 8, 0x10 | 1);
    put64(heap + at + 24, 0x10 | 1);
    assert_true(chunks_walk(&c, &regions[0]));
    assert_true(chunks_find(&c, address_of(a))->used);
    chunks_free(&c);
}

static void free_chunks_are_known_by_the_next_header_and_by_their_links(void **state)
{
    (void)state;
    unsigned char *in_bin = chunk(0x40), *first = chunk(0x60), *last = chunk(0x60), *fast = chunk(0x60), *live = chunk(0x60);
    end();
    put64(first - 8, 0x60); /* the chunk before is free */
    put64(first, address_of(last) ^ address_of(first) >> 12);
    put64(last, address_of(last) >> 12);
    put64(fast, (address_of(last) - 16) ^ address_of(fast) >> 12);
    put64(live, address_of(first));
    struct chunks c = walked();
    assert_false(chunks_find(&c, address_of(in_bin))->used);
    assert_false(chunks_find(&c, address_of(first))->used);
    assert_false(chunks_find(&c, address_of(last))->used);
    assert_false(chunks_find(&c, address_of(fast))->used);
    assert_true(chunks_find(&c, address_of(live))->used);
    chunks_free(&c);
}

static void short_lists_of_an_older_glibc_are_known_by_their_key(void **state)
{
    (void)state;
    unsigned char *table = chunk(0x290), *first = chunk(0x60), *last = chunk(0x60), *live = chunk(0x60);
    end();
    put64(first, address_of(last));
    put64(first + 8, address_of(table));
    put64(last + 8, address_of(table));
    put64(live, address_of(last));
    struct chunks c = walked();
    assert_false(chunks_find(&c, address_of(first))->used);
    assert_false(chunks_find(&c, address_of(last))->used);
    assert_true(chunks_find(&c, address_of(live))->used);
    assert_true(chunks_find(&c, address_of(table))->used);
    chunks_free(&c);
}

/* ---- what holds them ------------------------------------------------------------------------- */

static void an_object_is_found_by_its_pointer_and_its_chunk(void **state)
{
    (void)state;
    three_objects();
    FINDS(1);
    const struct search_object *o = &result.objects[0];
    assert_int_equal(o->count, 3);
    assert_int_equal(o->count_stuck, 3);
    assert_int_equal(o->who, 7);
    assert_true(o->chunk == 0x220 && o->offset == 0x40);
    assert_int_equal(o->n_pointers, 1);
    assert_int_equal(o->pointers[0].distance, 24);
    assert_true(o->pointers[0].value == MODULE + 0x120);
}

static void several_pointers_of_one_object_are_told_together_in_their_order(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        unsigned char *p = object(0x220, 0x40, 40 + i);
        put64(p, MODULE + 0x910);
        put64(p + 0x80, MODULE + 0x20 + (uint64_t)i); /* another one in each */
    }
    FINDS(1);
    assert_int_equal(result.objects[0].n_pointers, 2);
    assert_int_equal(result.objects[0].pointers[0].distance, -0x40);
    assert_int_equal(result.objects[0].pointers[1].distance, 24);
}

static void a_second_place_of_a_number_does_not_tear_its_object(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        unsigned char *p = object(0x220, 0x40, 40 + i);
        put64(p, MODULE + 0x10);
        put32(p + 0x60, 40 + i); /* again, but with one of the pointers at another distance */
    }
    FINDS(1);
    assert_int_equal(result.objects[0].n_pointers, 2);
    assert_true(result.objects[0].chunk == 0x220);
}

static void two_objects_that_have_the_number_are_two(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        object(0x220, 0x40, 40 + i);
        unsigned char *p = chunk(0x40);
        put32(p + 8, 40 + i);
        put64(p, MODULE + 0x800);
    }
    FINDS(2);
    assert_int_equal(result.objects[0].n_pointers, 1);
    assert_true(result.objects[0].chunk != result.objects[1].chunk);
}

static void what_has_other_numbers_in_the_same_way_tells_nothing(void **state)
{
    (void)state;
    three_objects();
    for (int i = 0; i < 16; i++)
        object(0x220, 0x40, 100 + i);
    FINDS(0);
    assert_int_equal(result.doubt, SEARCH_ALIKE);
}

static void a_few_of_many_objects_may_have_kept_another_number(void **state)
{
    (void)state;
    static int open_too[33];
    for (int i = 0; i < 33; i++)
        object(0x220, 0x40, open_too[i] = 40 + i + (i < 3 ? 0 : 7));
    query.open = open_too;
    query.n_open = 33;
    object(0x220, 0x40, 100);
    object(0x220, 0x40, 101);
    FINDS(1);
    object(0x220, 0x40, 102);
    FINDS(0);
}

static void with_two_numbers_one_control_is_too_many(void **state)
{
    (void)state;
    query.n = query.n_stuck = 2;
    object(0x220, 0x40, 40);
    object(0x220, 0x40, 41);
    FINDS(1);
    static const int open_too[] = {40, 41, 50, 51, 52, 53, 54, 55};
    query.open = open_too;
    query.n_open = 8;
    for (int i = 2; i < 8; i++)
        object(0x220, 0x40, open_too[i]);
    FINDS(1);
    object(0x220, 0x40, 103);
    FINDS(0);
}

static void an_allocator_of_its_own_needs_no_chunks(void **state)
{
    (void)state;
    end();
    for (int i = 0; i < 3; i++) {
        put32(other + 4096 * (i + 1) + 64 * i, 40 + i);
        put64(other + 4096 * (i + 1) + 64 * i - 8, MODULE + 0x330);
    }
    search();
    assert_int_equal(result.n_objects, 1);
    assert_int_equal(result.objects[0].count, 3);
    assert_int_equal(result.objects[0].chunk, 0);
    assert_int_equal(result.objects[0].pointers[0].distance, -8);
}

static void a_second_place_of_one_number_leaves_a_doubt(void **state)
{
    (void)state;
    three_objects();
    object(0x220, 0x40, 41);
    FINDS(0);
    assert_int_equal(result.doubt, SEARCH_ALIKE);
}

static void common_numbers_need_more_of_them(void **state)
{
    (void)state;
    query.n = query.n_stuck = 2;
    object(0x220, 0x40, 40);
    object(0x220, 0x40, 41);
    FINDS(1);
    for (int i = 0; i < 4000; i++) /* they are in a good part of memory */
        put32(other + 12 * i, 40 + i % 3);
    search();
    assert_int_equal(result.n_objects, 0);
    assert_int_equal(result.doubt, SEARCH_ALIKE);
    query.n = query.n_stuck = 5;
    for (int i = 2; i < 5; i++) {
        query.numbers[i] = 40 + i;
        object(0x220, 0x40, 40 + i);
    }
    FINDS(1);
}

static void nearly_all_of_many_is_enough_and_says_which(void **state)
{
    (void)state;
    static const int ten[] = {40, 41, 42, 43, 44, 45, 46, 47, 48, 49};
    query.open = ten;
    query.n_open = 10;
    query.n = query.n_stuck = 8;
    for (int i = 0; i < 8; i++) {
        query.numbers[i] = 40 + i;
        if (i != 3)
            object(0x220, 0x40, 40 + i);
    }
    FINDS(1);
    assert_int_equal(result.objects[0].count, 7);
    assert_int_equal(result.objects[0].who, 0xff & ~8);
    query.n = query.n_stuck = 10; /* 7 of 10 are not */
    query.numbers[8] = 48;
    query.numbers[9] = 49;
    search();
    assert_int_equal(result.n_objects, 0);
    query.n = query.n_stuck = 4; /* nor are 3 of 4 */
    search();
    assert_int_equal(result.n_objects, 0);
}

static void pointers_of_a_neighbour_are_not_the_objects(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        unsigned char *p = chunk(0x30 + 0x10 * (uint64_t)i); /* of different sizes: no kind of block */
        put32(p + 8 + 4 * i, 40 + i);
        p = chunk(0x40);
        put64(p, MODULE + 0x120);
    }
    FINDS(0);
}

static void blocks_without_a_pointer_are_told_where_they_hold_descriptors(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        put32(chunk(0x70) + 16, 40 + i);
    put32(chunk(0x70) + 16, -1);
    FINDS(1);
    assert_true(result.objects[0].chunk == 0x70 && result.objects[0].offset == 16);
    assert_int_equal(result.objects[0].n_pointers, 0);
    for (int i = 0; i < 7; i++)
        put32(chunk(0x70) + 16, 5000 + i); /* most are something else */
    FINDS(0);
    assert_int_equal(result.doubt, SEARCH_ALIKE);
}

static void a_count_beside_a_pointer_is_no_descriptor(void **state)
{
    (void)state;
    three_objects();
    object(0x220, 0x40, -1);
    object(0x220, 0x40, 0);
    for (int i = 0; i < 5; i++) { /* what was freed does not count */
        unsigned char *p = object(0x220, 0x40, 1);
        put64(p, address_of(p) >> 12);
    }
    FINDS(1);
    for (int i = 0; i < 5; i++)
        object(0x220, 0x40, 1); /* open, too, but what a count of references mostly is */
    FINDS(0);
    assert_int_equal(result.doubt, SEARCH_ALIKE);
}

static void an_object_that_was_freed_holds_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        unsigned char *p = object(0x220, 0x40, 40 + i);
        put64(p, address_of(p) >> 12);
    }
    FINDS(0);
    assert_int_equal(result.doubt, SEARCH_CLEAR);
}

/* ---- whether they may be lost ------------------------------------------------------------------ */

static void numbers_that_are_nowhere_leave_no_doubt(void **state)
{
    (void)state;
    chunk(0x100);
    FINDS(0);
    assert_int_equal(result.doubt, SEARCH_CLEAR);
}

static void a_table_of_numbers_leaves_a_doubt(void **state)
{
    (void)state;
    unsigned char *p = chunk(0x100);
    for (int i = 0; i < 3; i++)
        put32(p + 4 * i, 40 + i);
    FINDS(0);
    assert_int_equal(result.doubt, SEARCH_TABLE);
    memset(p, 0, 16);
    for (int i = 0; i < 3; i++)
        put32(other + 512 + 4 * i, 40 + i);
    search();
    assert_int_equal(result.doubt, SEARCH_TABLE);
}

static void a_stack_or_memory_without_chunks_leaves_a_doubt(void **state)
{
    (void)state;
    end();
    for (int i = 0; i < 3; i++)
        put32(other + 5000 * (i + 1) / 4 * 4, 40 + i);
    search();
    assert_int_equal(result.doubt, SEARCH_ELSEWHERE);
    regions[1].kind = MEMORY_STACK;
    search();
    assert_int_equal(result.doubt, SEARCH_ELSEWHERE);
    put32(other + 5000, 0);
    put32(other + 10000, 0);
    search();
    assert_int_equal(result.doubt, SEARCH_CLEAR); /* two of three are nowhere */
}

static void a_pointer_beside_a_number_on_a_stack_makes_no_object(void **state)
{
    (void)state;
    end();
    regions[1].kind = MEMORY_STACK;
    for (int i = 0; i < 3; i++) {
        put32(other + 4096 * (i + 1), 40 + i);
        put64(other + 4096 * (i + 1) + 8, MODULE + 0x330); /* a return address */
    }
    search();
    assert_int_equal(result.n_objects, 0);
}

static void one_place_of_blocks_of_many_sizes_leaves_a_doubt(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        put32(chunk(0x100 + 0x20 * (uint64_t)i) + 0x18, 40 + i);
    FINDS(0);
    assert_int_equal(result.doubt, SEARCH_MIXED);
}

static void what_holds_the_healthy_ones_is_told_beside_the_lost(void **state)
{
    (void)state;
    query.n = 5;
    query.n_stuck = 2; /* 40, 41; 42 to 44 are healthy */
    query.numbers[3] = 43;
    query.numbers[4] = 44;
    unsigned char *table = chunk(0x30); /* has the healthy ones too */
    for (int i = 2; i < 5; i++) {
        object(0x220, 0x40, 40 + i);
        put32(table + 4 * i, 40 + i);
    }
    FINDS(1);
    assert_int_equal(result.objects[0].count, 3);
    assert_int_equal(result.objects[0].count_stuck, 0);
    assert_int_equal(result.doubt, SEARCH_CLEAR);
}

static void two_readings_agree_only_if_they_tell_the_same(void **state)
{
    (void)state;
    struct search_result first;
    three_objects();
    end();
    search();
    first = result;
    search();
    assert_true(search_same(&first, &result));
    put64(heap + 16 + 0x40 + 24, MODULE + 0x500);
    search();
    assert_false(search_same(&first, &result));
}

static void damaged_memory_is_never_read_beyond_its_end(void **state)
{
    (void)state;
    unsigned seed = 4711;
    unsigned char *copy = malloc(SIZE); /* where a sanitizer sees its end */
    for (int round = 0; round < 300; round++) {
        begin(NULL);
        for (int i = 0; i < 20; i++)
            object(0x40 + 0x10 * (uint64_t)(i % 7), (uint64_t)(i % 5) * 4, 40 + i % 3);
        end();
        regions[0].kind = round % 2 ? MEMORY_HEAP : MEMORY_ARENA;
        for (int i = 0; i < 40; i++) {
            seed = seed * 1103515245 + 12345;
            heap[seed >> 8 & (round % 3 ? 0xfff : SIZE - 1)] = (unsigned char)(seed >> 24);
        }
        regions[0].size = (seed >> 4 & (SIZE - 1)) & ~7u;
        if (round % 3 == 0)
            regions[0].size = SIZE;
        memcpy(copy + SIZE - regions[0].size, heap, regions[0].size);
        regions[0].data = copy + SIZE - regions[0].size;
        search();
        assert_true(result.n_objects <= SEARCH_OBJECTS);
    }
    free(copy);
}

/* ---- the rest --------------------------------------------------------------------------------- */

static void controls_are_near_and_no_sockets(void **state)
{
    (void)state;
    int controls[SEARCH_CONTROLS];
    static const int asked[] = {40, 41, 42}, taken[] = {4, 43, 44};
    assert_int_equal(holders_controls(controls, asked, 3, taken, 3), SEARCH_CONTROLS);
    for (unsigned i = 0; i < SEARCH_CONTROLS; i++) {
        assert_true(controls[i] > 2 && controls[i] < 60);
        assert_false(controls[i] >= 40 && controls[i] <= 44);
        for (unsigned k = 0; k < i; k++)
            assert_int_not_equal(controls[i], controls[k]);
    }
    static const int lowest[] = {3};
    assert_int_equal(holders_controls(controls, lowest, 1, NULL, 0), SEARCH_CONTROLS);
    for (unsigned i = 0; i < SEARCH_CONTROLS; i++)
        assert_true(controls[i] > 3);
}

static void a_threads_call_and_stack_pointer_are_read(void **state)
{
    (void)state;
    uint64_t a[SNAPSHOT_ARGUMENTS];
    assert_true(snapshot_parse_call("45 0x1f 0x7ffe0010 0x1 0x0 0x0 0x0 0x7ffe0000 0x7f1200", a) == 0x7ffe0000);
    assert_true(a[0] == 0x1f && a[1] == 0x7ffe0010 && a[5] == 0);
    assert_true(snapshot_parse_call("-1 0x7ffe0000 0x7f1200", a) == 0x7ffe0000);
    assert_true(a[0] == 0);
    assert_true(snapshot_parse_call("running", a) == 0);
    assert_true(snapshot_parse_call("", a) == 0);
    assert_true(snapshot_parse_call("45 0x1f", a) == 0);
}

static void what_an_epoll_watches_is_read(void **state)
{
    (void)state;
    assert_int_equal(watchers_parse("tfd:        5 events:       1d data: ffffffffffffffff  pos:0 ino:8 sdev:9\n"), 5);
    assert_int_equal(watchers_parse("pos:\t0\n"), -1);
    assert_int_equal(watchers_parse("tfd: x"), -1);
}

static void a_site_is_known_by_its_first_digits_and_a_descriptor_by_its_prefix(void **state)
{
    (void)state;
    struct target t;
    assert_int_equal(target_parse(&t, "fd:14"), 0);
    assert_true(t.by_fd && t.fd == 14);
    assert_int_equal(target_parse(&t, "5F3a"), 0);
    assert_true(!t.by_fd && t.siteid == 0x5f3a && t.digits == 4);
    assert_int_equal(target_parse(&t, "5f3a9c01d2e4b678"), 0);
    assert_true(t.siteid == 0x5f3a9c01d2e4b678 && t.digits == 16);
    static const char *const bad[] = {"14", "5f3", "fd:", "fd:-1", "fd:14x", "5f3a9c01d2e4b6780", "xyzw", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(target_parse(&t, bad[i]), 2);
}

/* An open socket FD of the site at OFFSET, by thread TID. */
static void opened(struct image *im, int fd, uint32_t offset, uint32_t tid, uint64_t ns)
{
    struct state_slot *s = statefile_socket(im, fd, offset);
    s->tid = tid;
    s->opened_ns = ns;
}

static void only_what_the_same_thread_opened_between_opening_and_end_counts(void **state)
{
    (void)state;
    struct image im;
    struct meanwhile m;
    struct state_view view;
    statefile_begin(&im);
    opened(&im, 5, 0, 70, 100);
    opened(&im, 6, 0, 70, 200);    /* of the site itself */
    opened(&im, 7, 256, 70, 150);  /* during the first */
    opened(&im, 8, 256, 70, 250);  /* during the second */
    opened(&im, 9, 512, 71, 150);  /* by another thread */
    opened(&im, 10, 768, 70, 50);  /* before */
    opened(&im, 11, 768, 70, 900); /* after */
    for (unsigned i = 0; i < 4; i++)
        ((struct state_site *)image_at(&im, IN_SITES, 256 * i))->siteid = 0x1000 + i;
    assert_null(state_open_view(&view, im.base, im.size));
    struct finding f[2] = {{.fd = 5, .tid = 70, .siteid = 0x1000, .opened_ns = 100},
                           {.fd = 6, .tid = 70, .siteid = 0x1000, .opened_ns = 200}};
    const uint64_t until[2] = {220, 300};
    meanwhile_find(&m, &view, f, until, 2);
    assert_int_equal(m.asked, 2);
    assert_int_equal(m.n, 1);
    assert_true(m.sites[0].siteid == 0x1001);
    assert_int_equal(m.sites[0].served, 2);
    assert_int_equal(m.sites[0].sockets, 2);
    f[0].adopted = f[1].adopted = true; /* nobody knows when they were opened */
    meanwhile_find(&m, &view, f, until, 2);
    assert_int_equal(m.asked, 0);
    assert_int_equal(m.n, 0);
    image_free(&im);
}

#define TEST(f) cmocka_unit_test_setup(f, begin)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(chunks_of_a_heap_are_found_by_their_headers),
        TEST(memory_that_does_not_end_like_a_heap_is_none),
        TEST(the_heap_of_an_arena_is_walked_from_behind_the_arena),
        TEST(a_heap_that_another_one_follows_ends_with_a_fence),
        TEST(free_chunks_are_known_by_the_next_header_and_by_their_links),
        TEST(short_lists_of_an_older_glibc_are_known_by_their_key),
        TEST(an_object_is_found_by_its_pointer_and_its_chunk),
        TEST(several_pointers_of_one_object_are_told_together_in_their_order),
        TEST(a_second_place_of_a_number_does_not_tear_its_object),
        TEST(two_objects_that_have_the_number_are_two),
        TEST(what_has_other_numbers_in_the_same_way_tells_nothing),
        TEST(a_few_of_many_objects_may_have_kept_another_number),
        TEST(with_two_numbers_one_control_is_too_many),
        TEST(an_allocator_of_its_own_needs_no_chunks),
        TEST(a_second_place_of_one_number_leaves_a_doubt),
        TEST(common_numbers_need_more_of_them),
        TEST(nearly_all_of_many_is_enough_and_says_which),
        TEST(pointers_of_a_neighbour_are_not_the_objects),
        TEST(blocks_without_a_pointer_are_told_where_they_hold_descriptors),
        TEST(a_count_beside_a_pointer_is_no_descriptor),
        TEST(an_object_that_was_freed_holds_nothing),
        TEST(numbers_that_are_nowhere_leave_no_doubt),
        TEST(a_table_of_numbers_leaves_a_doubt),
        TEST(a_stack_or_memory_without_chunks_leaves_a_doubt),
        TEST(a_pointer_beside_a_number_on_a_stack_makes_no_object),
        TEST(one_place_of_blocks_of_many_sizes_leaves_a_doubt),
        TEST(what_holds_the_healthy_ones_is_told_beside_the_lost),
        TEST(two_readings_agree_only_if_they_tell_the_same),
        TEST(damaged_memory_is_never_read_beyond_its_end),
        TEST(controls_are_near_and_no_sockets),
        TEST(a_threads_call_and_stack_pointer_are_read),
        TEST(what_an_epoll_watches_is_read),
        TEST(a_site_is_known_by_its_first_digits_and_a_descriptor_by_its_prefix),
        TEST(only_what_the_same_thread_opened_between_opening_and_end_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
