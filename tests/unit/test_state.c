/* SPDX-License-Identifier: MIT */
/*
 * test_state.c: the decoder reads what is there, refuses what is not, and never leaves the file.
 */
#include <limits.h>
#include <pthread.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "image.h"

static struct state_view open_image(const struct image *im)
{
    struct state_view v;
    assert_null(state_open_view(&v, im->base, im->size));
    return v;
}

static void every_kind_of_record_is_read_back(void **state)
{
    (void)state;
    struct image im;
    image_make(&im, 6);
    image_extent(&im, 0, EXTENT_SLOTS, 4);
    image_extent(&im, 1, EXTENT_SITES, 0);
    image_extent(&im, 2, EXTENT_MODULES, 0);
    image_extent(&im, 3, EXTENT_DETAILS, 0);
    image_extent(&im, 4, EXTENT_TAGS, 0);
    image_extent(&im, 5, EXTENT_INDEX, 0);
    struct state_site *site = image_site(&im, 1, 0, 3);
    image_site(&im, 1, site->size, 0);
    struct state_module *m = image_at(&im, 2, 512 * 5);
    m->ready = 1;
    m->build_id_len = 20;
    memcpy(m->path, "/srv/app", 9);
    struct state_detail *d = image_at(&im, 3, 256 * 15);
    d->gen = 7;
    d->fd = 258;
    memcpy(image_at(&im, 4, 64 * 9), "my test", 8);
    struct state_slot *s = image_at(&im, 0, 64 * 2);
    s->word = SLOT_WORD(7, SLOT_LIVE);
    s->site = image_ref(1, 0);
    s->watch_gen = 7;
    s->detail = image_ref(3, 256 * 15);
    s->opened_ns = 123;

    struct state_view v = open_image(&im);
    assert_int_equal(v.n_extents, 6);
    assert_int_equal(state_head(&v)->pid, 4242);
    struct state_slot copy;
    uint64_t pos = 0;
    int fd = -1;
    assert_true(state_next_slot(&v, &pos, &fd, &copy));
    assert_int_equal(fd, 258);
    assert_int_equal(copy.opened_ns, 123);
    assert_false(state_next_slot(&v, &pos, &fd, &copy));
    assert_false(state_next_slot(&v, &pos, &fd, &copy));

    struct state_site_view sv;
    assert_true(state_site_at(&v, copy.site, &sv));
    assert_int_equal(sv.nframes, 3);
    assert_int_equal(sv.pcs[2], 0x400002);
    assert_int_equal(sv.modules[2], 2);
    state_ref ref = 0;
    pos = 0;
    assert_true(state_next_site(&v, &pos, &ref, &sv));
    assert_int_equal(ref, image_ref(1, 0));
    assert_true(state_next_site(&v, &pos, &ref, &sv));
    assert_int_equal(sv.nframes, 0);
    assert_false(state_next_site(&v, &pos, &ref, &sv));

    assert_ptr_equal(state_slot_detail(&v, &copy), d);
    copy.watch_gen = 6; /* what the watcher wrote belongs to the descriptor's former life */
    assert_null(state_slot_detail(&v, &copy));
    assert_null(state_detail_at(&v, image_ref(3, 256 * 15), 6));
    assert_null(state_detail_at(&v, image_ref(3, 0), 0)); /* a free one */
    assert_ptr_equal(state_module_at(&v, 5), m);
    assert_null(state_module_at(&v, 4)); /* never completed */
    assert_null(state_module_at(&v, STATE_MODULES_PER_EXTENT));
    assert_null(state_module_at(&v, STATE_NO_MODULE));
    char tag[64];
    state_tag_at(&v, 9, tag);
    assert_string_equal(tag, "my test");
    state_tag_at(&v, 0, tag);
    assert_string_equal(tag, "");
    state_tag_at(&v, STATE_TAGS_PER_EXTENT + 9, tag);
    assert_string_equal(tag, "");
    image_free(&im);
}

static struct state_life *life_in(struct image *im, uint32_t extent, unsigned place, uint32_t gen)
{
    struct state_life *l = image_at(im, extent, place * (uint32_t)sizeof *l);
    *l = (struct state_life){.gen = gen, .receive = LIFE_USE(77, 78, 79), .send = LIFE_FRESH, .epoll_add = 9};
    return l;
}

static void the_life_of_a_socket_is_that_of_its_generation(void **state)
{
    (void)state;
    struct image im;
    image_make(&im, 4);
    image_extent(&im, 0, EXTENT_LIVES, 2);
    image_extent(&im, 1, EXTENT_PAIRS, 0);
    image_extent(&im, 2, EXTENT_LIVES, 0);
    struct state_life *l = life_in(&im, 0, 44, 7), copy;
    life_in(&im, 2, 44, 7)->receive = LIFE_USE(99, 1, 1);
    struct state_view v = open_image(&im);
    struct state_finder find = {0};
    struct state_slot s = {.word = SLOT_WORD(7, SLOT_LIVE)};
    assert_true(state_life_of(&v, &find, 300, &s, &copy));
    assert_memory_equal(&copy, l, sizeof copy);
    assert_true(state_life_of(&v, &find, 44, &s, &copy)); /* the search goes on from the last hit, and round */
    assert_int_equal(LIFE_WORD(copy.receive), 99);
    assert_true(state_life_of(&v, &find, 300, &s, &copy));
    assert_int_equal(LIFE_WORD(copy.receive), 77);
    assert_int_equal(LIFE_LAST(copy.receive), 78);
    assert_int_equal(LIFE_FIRST(copy.receive), 79);
    assert_false(state_life_of(&v, &find, 301, &s, &copy));
    assert_false(state_life_of(&v, &find, 200, &s, &copy)); /* its extent was never made */
    assert_false(state_life_of(&v, &find, -1, &s, &copy));
    l->gen = 6; /* of the socket before */
    assert_false(state_life_of(&v, &find, 300, &s, &copy));
    l->gen = 0;
    s.word = SLOT_WORD(0, SLOT_LIVE);
    assert_false(state_life_of(&v, &find, 300, &s, &copy));
    find.life = UINT32_MAX;
    s.word = SLOT_WORD(7, SLOT_LIVE);
    assert_true(state_life_of(&v, &find, 44, &s, &copy));
    ((struct state_header *)(void *)im.base)->version = STATE_VERSION_LIVES - 1; /* it has lives in another form */
    assert_false(state_life_of(&v, &find, 44, &s, &copy));
    image_free(&im);
}

static void a_pair_is_found_by_its_number(void **state)
{
    (void)state;
    struct image im;
    image_make(&im, 70);
    for (unsigned i = 0; i < 70; i++)
        image_extent(&im, i, i == 5 ? EXTENT_SLOTS : EXTENT_PAIRS, 0);
    struct state_pair *first = image_at(&im, 0, 0), *last = image_at(&im, 64, 63 * sizeof *last), *over = image_at(&im, 65, 0);
    struct state_pair *other = image_at(&im, 5, 0);
    first->number = 1000;
    last->number = 1001;
    over->number = 1002;
    other->number = 1003;
    struct state_view v = open_image(&im);
    struct state_finder find = {0};
    v.n_extents = 1; /* a live file grows while it is read */
    assert_ptr_equal(state_pair_of(&v, &find, 1000), first);
    assert_null(state_pair_of(&v, &find, 1001));
    v.n_extents = 70;
    assert_ptr_equal(state_pair_of(&v, &find, 1001), last);
    assert_null(state_pair_of(&v, &find, 1002)); /* no writer makes so many */
    assert_null(state_pair_of(&v, &find, 1003)); /* of another type */
    assert_null(state_pair_of(&v, &find, 0));
    image_free(&im);
}

static void a_use_names_its_thread_where_that_is_known(void **state)
{
    (void)state;
    struct state_pair p = {.word = 0xfffffff0u};
    const uint32_t tids[] = {1, 4243, LIFE_TIDS - 1};
    for (unsigned i = 0; i < sizeof tids / sizeof *tids; i++)
        assert_int_equal(state_pair_thread(&p, LIFE_USE(p.word + LIFE_THREAD(tids[i]), 7, 9)), tids[i]);
    assert_int_equal(state_pair_thread(&p, LIFE_USE(p.word, 7, 9)), 0);
    assert_int_equal(state_pair_thread(&p, LIFE_USE(p.word + LIFE_THREAD(LIFE_TIDS), 7, 9)), 0); /* of another pair */
    p.word = LIFE_NOBODY - LIFE_THREAD(5);
    assert_int_equal(state_pair_thread(&p, LIFE_USE(LIFE_NOBODY, 7, 9)), 0);
}

static void a_header_that_is_not_ours_is_refused_with_a_sentence(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        uint32_t value;
        const char *sentence;
    } rows[] = {
        {offsetof(struct state_header, magic), 0, "not a state file"},
        {offsetof(struct state_header, version), STATE_VERSION + 1, "written by a newer sockleak"},
        {offsetof(struct state_header, version), 0, "of a format that this sockleak does not know"},
        {offsetof(struct state_header, byte_order), 0x04030201, "of the other byte order"},
        {offsetof(struct state_header, header_size), 8, "of another word size or build"},
        {offsetof(struct state_header, slot_size), 128, "of another word size or build"},
        {offsetof(struct state_header, word_bits), 32, "of another word size or build"},
        {offsetof(struct state_header, n_extents), STATE_MAX_EXTENTS + 1, "damaged"},
        {offsetof(struct state_header, n_extents), UINT32_MAX, "damaged"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct image im;
        struct state_view v;
        image_make(&im, 1);
        memcpy(im.base + rows[i].offset, &rows[i].value, 4);
        const char *said = state_open_view(&v, im.base, im.size);
        assert_non_null(said);
        assert_non_null(strstr(said, rows[i].sentence));
        image_free(&im);
    }
}

/* A file of version 0.1 has the smaller header, one of a later version of this format perhaps a larger one. */
static void a_header_may_be_shorter_or_longer_than_ours(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {STATE_HEADER_FIRST, sizeof(struct state_header), STATE_PAGE};
    for (size_t i = 0; i < 5; i++) {
        struct image im;
        struct state_view v;
        image_make(&im, 1);
        ((struct state_header *)(void *)im.base)->header_size = i < 3 ? sizes[i] : i == 3 ? STATE_HEADER_FIRST - 1 : STATE_PAGE + 1;
        const char *why = state_open_view(&v, im.base, im.size);
        assert_true(i < 3 ? why == NULL : why != NULL);
        image_free(&im);
    }
}

static void what_a_file_of_another_version_lacks_is_told(void **state)
{
    (void)state;
    static const char *const same[][2] = {
        {"0.1.0", "0.1.0"}, {"0.1.7", "0.1.9"}, {"0.2.0", "0.2.0"}, {"0.2.0", "0.10.1"}, {"1.0", "1.0.0"}};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        assert_null(state_lacks(same[i][0], same[i][1]));
    assert_non_null(strstr(state_lacks("0.1.0", "0.2.0"), "nothing of its life between"));
    assert_non_null(strstr(state_lacks("", "0.2.0"), "nothing of its life between"));
    assert_non_null(strstr(state_lacks("0.1.4", "1.0"), "nothing of its life between"));
    assert_non_null(strstr(state_lacks("0.10.0", "0.2.9"), "newer than this command"));
    assert_non_null(strstr(state_lacks("99999999999999.0", "0.2.9"), "newer than this command"));
}

static void a_file_cut_anywhere_is_refused_or_holds_its_whole_extents(void **state)
{
    (void)state;
    struct image im;
    image_make(&im, 3);
    for (uint64_t size = 0; size <= im.size; size += 61) {
        /* moved up against the unreadable page, so that each byte too many faults */
        uint64_t room = (size + 7) & ~7ull;
        unsigned char *base = im.map + im.size - room;
        unsigned char *whole = malloc(im.size);
        memcpy(whole, im.base, im.size);
        memmove(base, im.base, size);
        struct state_view v;
        const char *said = state_open_view(&v, base, size);
        if (size < STATE_BODY_OFFSET)
            assert_non_null(said);
        else
            assert_int_equal(v.n_extents, (size - STATE_BODY_OFFSET) / STATE_EXTENT_SIZE);
        memcpy(im.base, whole, im.size);
        free(whole);
    }
    image_free(&im);
}

static void a_site_that_lies_about_its_size_or_frames_is_refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t offset, size;
        unsigned nframes;
        bool good;
    } rows[] = {
        {0, STATE_SITE_SIZE(4), 4, true},
        {0, 0, 0, false},
        {0, 64, 0, false}, /* smaller than the record's head */
        {0, STATE_SITE_SIZE(4) + 1, 4, false},
        {0, STATE_SITE_SIZE(4), 40, false},
        {0, STATE_SITE_SIZE(64), 64, true},
        {0, STATE_SITE_SIZE(STATE_MAX_FRAMES), STATE_MAX_FRAMES, true},
        {0, STATE_SITE_SIZE(STATE_MAX_FRAMES + 1), STATE_MAX_FRAMES + 1, false},
        {0, STATE_EXTENT_SIZE, 65535, false},
        {0, STATE_EXTENT_SIZE, 64, true},
        {0, STATE_EXTENT_SIZE + 64, 4, false},
        {0, UINT32_MAX, 4, false},
        {0, UINT32_MAX - 63, 4, false},
        {STATE_EXTENT_SIZE - STATE_SITE_SIZE(0), STATE_SITE_SIZE(0), 0, true},
        {STATE_EXTENT_SIZE - STATE_SITE_SIZE(0), STATE_SITE_SIZE(8), 8, false},
        {STATE_EXTENT_SIZE - 64, STATE_SITE_SIZE(0), 0, false}, /* its head would not fit */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct image im;
        image_make(&im, 1);
        image_extent(&im, 0, EXTENT_SITES, 0);
        uint32_t *size = image_at(&im, 0, rows[i].offset);
        *size = rows[i].size;
        if (rows[i].offset + sizeof(struct state_site) <= STATE_EXTENT_SIZE) {
            struct state_site *s = (void *)size;
            s->nframes = (uint16_t)rows[i].nframes;
            s->ready = 1;
        }
        struct state_view v = open_image(&im);
        struct state_site_view sv;
        assert_int_equal(state_site_at(&v, image_ref(0, rows[i].offset), &sv), rows[i].good);
        if (rows[i].good) {
            uint64_t sum = 0;
            for (unsigned f = 0; f < sv.nframes; f++)
                sum += sv.pcs[f] + sv.modules[f];
            assert_int_equal(sum, 0);
        }
        uint64_t pos = 0;
        state_ref ref = 0;
        unsigned n = 0;
        while (state_next_site(&v, &pos, &ref, &sv))
            assert_true(++n < 256);
        image_free(&im);
    }
}

/* A record at OFFSET of extent 0, and the address that stands for it in a stack. */
static struct state_frame *write_frame(struct image *im, uint32_t offset, const char *function, const char *file)
{
    struct state_frame *f = image_at(im, 0, offset);
    size_t first = strlen(function) + 1, second = strlen(file) + 1;
    *f = (struct state_frame){.ready = 1,
                              .size = (uint16_t)STATE_FRAME_SIZE(first + second),
                              .format = STATE_FRAME_FORMAT,
                              .runtime = RUNTIME_PYTHON,
                              .line = 88,
                              .function_size = (uint16_t)first,
                              .file_size = (uint16_t)second};
    memcpy(f + 1, function, first);
    memcpy((char *)(f + 1) + first, file, second);
    return f;
}

static void a_frame_of_a_runtime_is_read_back_and_one_that_lies_is_none(void **state)
{
    (void)state;
    struct image im;
    struct state_frame_view fv;
    image_make(&im, 2);
    image_extent(&im, 0, EXTENT_FRAMES, 0);
    image_extent(&im, 1, EXTENT_SITES, 0);
    struct state_frame *f = write_frame(&im, 128, "login", "app/web.py"), good = *f;
    struct state_view v = open_image(&im);
    uint64_t pc = STATE_FRAME_BIT | image_ref(0, 128);
    assert_true(state_frame_at(&v, pc, &fv));
    assert_string_equal(fv.function, "login");
    assert_string_equal(fv.file, "app/web.py");
    assert_int_equal(fv.frame->line, 88);
    assert_int_equal(fv.runtime, RUNTIME_PYTHON);
    assert_false(state_frame_at(&v, pc & ~STATE_FRAME_BIT, &fv)); /* a native address */
    assert_false(state_frame_at(&v, STATE_FRAME_BIT, &fv));       /* there was no room to say which */
    assert_false(state_frame_at(&v, pc | 1ull << 32, &fv));
    assert_false(state_frame_at(&v, STATE_FRAME_BIT | image_ref(1, 0), &fv)); /* another record */
    assert_false(state_frame_at(&v, STATE_FRAME_BIT | image_ref(0, 0), &fv)); /* never written */
#define LIES(change)                               \
    do {                                           \
        *f = good;                                 \
        f->change;                                 \
        assert_false(state_frame_at(&v, pc, &fv)); \
    } while (0)
    LIES(ready = 0);
    LIES(format = STATE_FRAME_FORMAT + 1);
    LIES(runtime = RUNTIME_NATIVE);
    LIES(runtime = RUNTIME_COUNT);
    LIES(size = 32);
    LIES(size = UINT16_MAX);
    LIES(function_size = 0);
    LIES(file_size = 0);
    LIES(function_size = 3); /* no NUL at its end */
    LIES(file_size = 3);
    LIES(file_size = UINT16_MAX);
    *f = good;
    /* the last unit of the file: what it claims would lie behind the end */
    image_extent(&im, 1, EXTENT_FRAMES, 0);
    f = image_at(&im, 1, STATE_EXTENT_SIZE - 64);
    *f = (struct state_frame){.ready = 1, .size = 128, .format = 1, .runtime = 1, .function_size = 60, .file_size = 4};
    assert_false(state_frame_at(&v, STATE_FRAME_BIT | image_ref(1, STATE_EXTENT_SIZE - 64), &fv));
    image_free(&im);
}

static void a_site_that_is_not_complete_is_passed_over_and_the_next_one_found(void **state)
{
    (void)state;
    struct image im;
    image_make(&im, 1);
    image_extent(&im, 0, EXTENT_SITES, 0);
    struct state_site *first = image_site(&im, 0, 0, 5);
    first->ready = 0;
    image_site(&im, 0, first->size, 2);
    struct state_view v = open_image(&im);
    struct state_site_view sv;
    uint64_t pos = 0;
    state_ref ref = 0;
    assert_true(state_next_site(&v, &pos, &ref, &sv));
    assert_int_equal(sv.nframes, 2);
    assert_false(state_site_at(&v, image_ref(0, 0), &sv));
    image_free(&im);
}

static void a_module_that_lies_about_its_build_id_or_has_no_end_of_path_is_none(void **state)
{
    (void)state;
    struct image im;
    image_make(&im, 1);
    image_extent(&im, 0, EXTENT_MODULES, 0);
    struct state_view v = open_image(&im);
    struct state_module *m = image_at(&im, 0, 0);
    m->ready = 1;
    m->build_id_len = 20;
    assert_ptr_equal(state_module_at(&v, 0), m);
    m->build_id_len = 21;
    assert_null(state_module_at(&v, 0));
    m->build_id_len = 20;
    memset(m->path, 'x', sizeof m->path);
    assert_null(state_module_at(&v, 0));
    image_free(&im);
}

static void a_ref_into_the_middle_of_a_detail_is_refused(void **state)
{
    (void)state;
    struct image im;
    image_make(&im, 1);
    image_extent(&im, 0, EXTENT_DETAILS, 0);
    struct state_view v = open_image(&im);
    for (uint32_t offset = 0; offset < STATE_EXTENT_SIZE; offset += STATE_REF_UNIT) {
        *(uint32_t *)image_at(&im, 0, offset) = 5; /* what would be the generation there */
        assert_int_equal(state_detail_at(&v, image_ref(0, offset), 5) != NULL, offset % sizeof(struct state_detail) == 0);
    }
    image_free(&im);
}

/*
 * Extents filled with one byte value after the other, and every ref there is: whatever is accepted
 * must lie within the file.
 */
static void no_ref_and_no_content_leads_outside_the_file(void **state)
{
    (void)state;
    struct image im;
    image_make(&im, 6);
    uint64_t seen = 0;
    for (unsigned fill = 0; fill < 256; fill += fill < 8 ? 1 : 37) {
        for (unsigned type = 1; type <= 6; type++) {
            image_extent(&im, type - 1, type, fill);
            memset(image_at(&im, type - 1, 0), (int)fill, STATE_EXTENT_SIZE);
        }
        struct state_view v = open_image(&im);
        for (uint64_t ref = 0; ref < im.size / STATE_REF_UNIT + 4096; ref++) {
            struct state_site_view sv;
            if (state_site_at(&v, (state_ref)ref, &sv))
                for (unsigned f = 0; f < sv.nframes; f++)
                    seen += sv.pcs[f] + sv.modules[f];
            const struct state_detail *d = state_detail_at(&v, (state_ref)ref, fill * 0x01010101u);
            if (d)
                seen += d->fd + (unsigned char)d->peer[95];
        }
        static const state_ref far[] = {UINT32_MAX, UINT32_MAX - 1, 0x80000000u, STATE_MAX_SIZE / STATE_REF_UNIT};
        for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
            struct state_site_view sv;
            assert_false(state_site_at(&v, far[i], &sv));
            assert_null(state_detail_at(&v, far[i], 1));
        }
        for (unsigned number = 0; number <= STATE_NO_MODULE; number++) {
            const struct state_module *m = state_module_at(&v, number);
            if (m)
                seen += strlen(m->path) + m->build_id[m->build_id_len ? m->build_id_len - 1 : 0];
        }
        for (unsigned tag = 0; tag < 1024; tag++) {
            char name[64];
            state_tag_at(&v, tag, name);
            assert_true(strlen(name) < 64);
        }
        uint64_t pos = 0;
        struct state_slot copy;
        int fd;
        while (state_next_slot(&v, &pos, &fd, &copy))
            assert_true(fd >= 0);
    }
    assert_true(seen > 0);
    image_free(&im);
}

static void a_slot_extent_of_no_possible_descriptor_is_passed_over(void **state)
{
    (void)state;
    struct image im;
    image_make(&im, 2);
    image_extent(&im, 0, EXTENT_SLOTS, 0x0fffffff);
    image_extent(&im, 1, EXTENT_SLOTS, INT_MAX / STATE_SLOTS_PER_EXTENT - 1);
    for (unsigned e = 0; e < 2; e++)
        for (unsigned i = 0; i < STATE_SLOTS_PER_EXTENT; i++)
            ((struct state_slot *)image_at(&im, e, i * 64))->word = SLOT_WORD(1, SLOT_LIVE);
    struct state_view v = open_image(&im);
    uint64_t pos = 0;
    struct state_slot copy;
    int fd, n = 0, last = -1;
    while (state_next_slot(&v, &pos, &fd, &copy)) {
        assert_true(fd > last);
        last = fd;
        n++;
    }
    assert_int_equal(n, STATE_SLOTS_PER_EXTENT);
    image_free(&im);
}

static void a_failed_call_is_found_by_its_descriptor_and_generation(void **state)
{
    (void)state;
    struct image im;
    image_make(&im, 2);
    image_extent(&im, 1, EXTENT_ATTEMPTS, 3);
    struct state_attempt *a = image_at(&im, 1, 5 * sizeof *a);
    *a = (struct state_attempt){.gen = 7, .call = ATTEMPT_CONNECT, .error = 111, .address = "10.0.0.5:1433"};
    struct state_view v = open_image(&im);
    struct state_slot slot = {.word = SLOT_WORD(7, SLOT_LIVE)};
    const int fd = 3 * STATE_ATTEMPTS_PER_EXTENT + 5;
    assert_ptr_equal(state_attempt_of(&v, fd, &slot), a);
    assert_null(state_attempt_of(&v, fd + 1, &slot));
    assert_null(state_attempt_of(&v, 5, &slot));
    assert_null(state_attempt_of(&v, -1, &slot));
    slot.word = SLOT_WORD(8, SLOT_LIVE); /* the number is another socket's by now */
    assert_null(state_attempt_of(&v, fd, &slot));
    a->gen = 0;
    slot.word = SLOT_WORD(0, SLOT_LIVE);
    assert_null(state_attempt_of(&v, fd, &slot));
    image_free(&im);
}

static void only_live_slots_are_given(void **state)
{
    (void)state;
    struct image im;
    image_make(&im, 256 / STATE_SLOTS_PER_EXTENT);
    for (unsigned e = 0; e < 256 / STATE_SLOTS_PER_EXTENT; e++)
        image_extent(&im, e, EXTENT_SLOTS, e);
    for (unsigned phase = 0; phase < 256; phase++)
        ((struct state_slot *)image_at(&im, 0, phase * 64))->word = SLOT_WORD(3, phase);
    struct state_view v = open_image(&im);
    uint64_t pos = 0;
    struct state_slot copy;
    int fd = -1;
    assert_true(state_next_slot(&v, &pos, &fd, &copy));
    assert_int_equal(fd, SLOT_LIVE);
    assert_false(state_next_slot(&v, &pos, &fd, &copy));
    image_free(&im);
}

static void strings_are_cut_at_their_field_and_cannot_steer_a_terminal(void **state)
{
    (void)state;
    char out[16], field[8] = {'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'};
    state_string(out, sizeof out, field, sizeof field);
    assert_string_equal(out, "abcdefgh");
    state_string(out, 4, field, sizeof field);
    assert_string_equal(out, "abc");
    state_string(out, 1, field, sizeof field);
    assert_string_equal(out, "");
    state_string(out, sizeof out, "a\033[1m\x7f", 7);
    assert_string_equal(out, "a?[1m?");
    state_string(out, sizeof out, "b\xc3\xbc\xc2\x9b\xff!", 8);
    assert_string_equal(out, "b\xc3\xbc??"
                             "?!");
    state_string(out, 3, "a\xc3\xbc", 4); /* no half of a character at the end */
    assert_string_equal(out, "a");
    state_string(out, sizeof out, "ab\xc3", 3);
    assert_string_equal(out, "ab?");
}

/* ---- a reader beside a writer --------------------------------------------------------------------------------------------- */

struct race {
    struct image im;
    _Atomic bool stop;
};

/*
 * All fields of one life of the descriptor carry its generation; every store is a release, as the
 * agent's are.
 */
static void *reopen_all_the_time(void *arg)
{
    struct race *r = arg;
    struct state_slot *s = image_at(&r->im, 0, 5 * 64);
    for (uint32_t gen = 1; !r->stop; gen++) {
        atomic_store_explicit(&s->word, SLOT_WORD(gen, SLOT_FILLING), memory_order_release);
        __atomic_store_n(&s->opened_ns, gen, __ATOMIC_RELEASE);
        __atomic_store_n(&s->site, gen, __ATOMIC_RELEASE);
        __atomic_store_n(&s->tid, gen, __ATOMIC_RELEASE);
        __atomic_store_n(&s->share, gen, __ATOMIC_RELEASE);
        atomic_store_explicit(&s->told_site, gen, memory_order_release);
        atomic_store_explicit(&s->told_ns, gen, memory_order_release);
        atomic_store_explicit(&s->cookie, gen, memory_order_release);
        atomic_store_explicit(&s->word, SLOT_WORD(gen, SLOT_LIVE), memory_order_release);
        for (unsigned i = 0; i < gen % 256; i++) /* now and then long enough for a copy, now and then not */
            __atomic_signal_fence(__ATOMIC_SEQ_CST);
    }
    return NULL;
}

static void a_copy_never_mixes_two_lives_of_a_descriptor(void **state)
{
    (void)state;
    struct race r = {.stop = false};
    image_make(&r.im, 1);
    image_extent(&r.im, 0, EXTENT_SLOTS, 0);
    struct state_view v = open_image(&r.im);
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, reopen_all_the_time, &r), 0);
    unsigned copies = 0, lives = 0, mixed = 0;
    uint64_t last = 0;
    while (lives < 3000 && copies < 20000000) {
        struct state_slot c;
        uint64_t pos = 0;
        int fd = -1;
        if (!state_next_slot(&v, &pos, &fd, &c))
            continue;
        copies++;
        uint32_t gen = SLOT_GEN(c.word);
        lives += gen != last;
        last = gen;
        mixed += c.opened_ns != gen || c.site != gen || c.tid != gen || c.share != gen || c.told_site != gen || c.told_ns != gen ||
                 c.cookie != gen;
    }
    r.stop = true;
    pthread_join(writer, NULL);
    assert_true(lives > 1);
    assert_int_equal(mixed, 0);
    image_free(&r.im);
}

static void a_text_whose_lengths_lie_is_none(void **state)
{
    (void)state;
    struct image im;
    image_make(&im, 1);
    image_extent(&im, 0, EXTENT_TEXT, 0);
    struct state_view v = open_image(&im);
    struct state_text *t = image_at(&im, 0, 0);
    assert_null(state_text_of(&v, 0)); /* not ready */
    t->ready = 1;
    t->options_len = sizeof t->options;
    t->rules_len = sizeof t->rules;
    assert_ptr_equal(state_text_of(&v, 0), t);
    t->options_len++;
    assert_null(state_text_of(&v, 0));
    t->options_len = 0;
    t->rules_len = UINT32_MAX;
    assert_null(state_text_of(&v, 0));
    image_free(&im);
}

static void a_closed_life_is_found_by_its_stack_and_one_that_lies_is_none(void **state)
{
    (void)state;
    struct image im;
    struct state_view v;
    struct state_closed copy;
    image_make(&im, 2);
    image_extent(&im, 0, EXTENT_CLOSES, 0);
    image_extent(&im, 1, EXTENT_SITES, 0);
    assert_null(state_open_view(&v, im.base, im.size));
    struct state_closes *c = image_at(&im, 0, 0);
    struct state_closed *first = image_at(&im, 0, 128), *last = image_at(&im, 0, STATE_EXTENT_SIZE - 64);
    c->lives = image_ref(0, 128);
    *first = (struct state_closed){.size = 64, .ready = 1, .format = STATE_CLOSES_LIFE, .by = 7, .turn = 2};
    *last = (struct state_closed){.size = 64, .ready = 1, .format = STATE_CLOSES_LIFE, .by = 8, .turn = 4};
    first->next = image_ref(0, STATE_EXTENT_SIZE - 64);
    first->told_site = 99;
    first->life.epoll_add = 98;
    last->error = ECONNRESET;
    last->told = CLOSED_TOLD_ERROR;
    assert_true(state_closed_by(&v, c, 7, &copy));
    assert_int_equal(copy.told_site, 99);
    assert_int_equal(copy.life.epoll_add, 98);
    assert_true(state_closed_by(&v, c, 8, &copy));
    assert_int_equal(copy.error, ECONNRESET);
    assert_int_equal(copy.told, CLOSED_TOLD_ERROR);
    assert_false(state_closed_by(&v, c, 9, &copy));
    assert_false(state_closed_by(&v, c, 0, &copy));
    first->turn = 3; /* being written */
    assert_false(state_closed_by(&v, c, 7, &copy));
    last->next = image_ref(0, 128); /* a circle */
    assert_false(state_closed_by(&v, c, 9, &copy));
    last->ready = 0;
    assert_false(state_closed_by(&v, c, 8, &copy));
    last->ready = 1;
    last->format = STATE_CLOSES_SITE;
    assert_false(state_closed_by(&v, c, 8, &copy));
    static const uint32_t bad[] = {1, UINT32_MAX};
    for (unsigned i = 0; i < 2; i++) {
        c->lives = bad[i];
        assert_false(state_closed_by(&v, c, 7, &copy));
    }
    c->lives = image_ref(1, 0); /* of another type */
    assert_false(state_closed_by(&v, c, 7, &copy));
    image_free(&im);
}

static void a_record_of_closes_is_read_back_and_one_that_lies_is_none(void **state)
{
    (void)state;
    struct image im;
    image_make(&im, 2);
    image_extent(&im, 0, EXTENT_CLOSES, 0);
    image_extent(&im, 1, EXTENT_CLOSES, 0);
    struct state_view v = open_image(&im);
    struct state_closes *first = image_at(&im, 0, 0), *second = image_at(&im, 0, 256), *last = image_at(&im, 1, STATE_EXTENT_SIZE - 128);
    struct state_closes *other = image_at(&im, 1, 0);
    *first = (struct state_closes){.size = 256, .ready = 1, .format = STATE_CLOSES_SITE}; /* of a later version */
    *second = (struct state_closes){.size = 128, .ready = 1, .format = STATE_CLOSES_SITE};
    *other = (struct state_closes){.size = STATE_EXTENT_SIZE - 128, .ready = 1, .format = 77};
    *last = (struct state_closes){.size = 128, .ready = 1, .format = STATE_CLOSES_SITE};
    uint64_t pos = 0;
    assert_ptr_equal(state_next_closes(&v, &pos), first);
    assert_ptr_equal(state_next_closes(&v, &pos), second);
    assert_ptr_equal(state_next_closes(&v, &pos), last);
    assert_null(state_next_closes(&v, &pos));
    static const uint32_t lies[] = {0, 1, 64, 127, 192 + 1, STATE_EXTENT_SIZE + 64, UINT32_MAX};
    for (unsigned i = 0; i < sizeof lies / sizeof *lies; i++) {
        last->size = lies[i];
        pos = 0;
        for (int k = 0; k < 2; k++)
            assert_non_null(state_next_closes(&v, &pos));
        assert_null(state_next_closes(&v, &pos));
    }
    last->size = 128;
    second->ready = 0;
    pos = 0;
    assert_ptr_equal(state_next_closes(&v, &pos), first);
    assert_ptr_equal(state_next_closes(&v, &pos), last);
    struct state_use *use = image_at(&im, 0, 512), *cut = image_at(&im, 0, 1024);
    second->size = 256;
    *use = (struct state_use){.size = sizeof *use, .ready = 1, .format = STATE_CLOSES_USE, .fd = 5};
    *(uint32_t *)image_at(&im, 0, 896) = 128; /* a record that is not complete yet */
    *cut = (struct state_use){.size = sizeof *cut - 64, .ready = 1, .format = STATE_CLOSES_USE};
    pos = 0;
    assert_ptr_equal(state_next_use(&v, &pos), use);
    assert_null(state_next_use(&v, &pos));
    use->ready = 0; /* taken back */
    pos = 0;
    assert_null(state_next_use(&v, &pos));
    image_extent(&im, 1, EXTENT_SITES, 0);
    pos = 0;
    assert_ptr_equal(state_next_closes(&v, &pos), first);
    assert_null(state_next_closes(&v, &pos));
    image_free(&im);
}

static void a_closed_socket_is_given_while_it_is_held_and_never_with_more_holders_than_it_has(void **state)
{
    (void)state;
    struct image im;
    image_make(&im, 2);
    image_extent(&im, 0, EXTENT_SLOTS, 0);
    image_extent(&im, 1, EXTENT_HELD, 0);
    struct state_view v = open_image(&im);
    struct state_held *h = image_at(&im, 1, 3 * sizeof *h), copy;
    uint64_t pos = 0;
    assert_false(state_next_held(&v, &pos, &copy));
    *h = (struct state_held){.phase = HELD_CLOSED, .fd = 9, .n_holders = 200};
    memset(h->local, 'x', sizeof h->local);
    memset(h->holder, 'y', sizeof h->holder);
    pos = 0;
    assert_false(state_next_held(&v, &pos, &copy)); /* not known to be held */
    h->phase = HELD_KEPT;
    pos = 0;
    assert_true(state_next_held(&v, &pos, &copy));
    assert_int_equal(copy.fd, 9);
    assert_int_equal(copy.n_holders, STATE_HOLDERS);
    assert_int_equal(strlen(copy.local), sizeof copy.local - 1);
    assert_int_equal(strlen(copy.peer), 0);
    assert_int_equal(strlen(copy.holder[STATE_HOLDERS - 1].exe), sizeof copy.holder[0].exe - 1);
    assert_false(state_next_held(&v, &pos, &copy));
    image_free(&im);
}

/* The numbers stand in files that older and newer versions write. */
static void the_records_of_an_older_file_are_where_they_were(void **state)
{
    (void)state;
    assert_int_equal(EXTENT_HELD, 15);
    assert_int_equal(sizeof(struct state_site), 144);
    assert_int_equal(offsetof(struct state_site, rate_milli), 96);
    assert_int_equal(KIND_OPEN, 5);
    assert_int_equal(KIND_HELD_BY_CHILD, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_closed_life_is_found_by_its_stack_and_one_that_lies_is_none),
        cmocka_unit_test(a_record_of_closes_is_read_back_and_one_that_lies_is_none),
        cmocka_unit_test(a_closed_socket_is_given_while_it_is_held_and_never_with_more_holders_than_it_has),
        cmocka_unit_test(the_records_of_an_older_file_are_where_they_were),
        cmocka_unit_test(every_kind_of_record_is_read_back),
        cmocka_unit_test(a_failed_call_is_found_by_its_descriptor_and_generation),
        cmocka_unit_test(a_text_whose_lengths_lie_is_none),
        cmocka_unit_test(the_life_of_a_socket_is_that_of_its_generation),
        cmocka_unit_test(a_pair_is_found_by_its_number),
        cmocka_unit_test(a_use_names_its_thread_where_that_is_known),
        cmocka_unit_test(a_header_that_is_not_ours_is_refused_with_a_sentence),
        cmocka_unit_test(a_header_may_be_shorter_or_longer_than_ours),
        cmocka_unit_test(what_a_file_of_another_version_lacks_is_told),
        cmocka_unit_test(a_file_cut_anywhere_is_refused_or_holds_its_whole_extents),
        cmocka_unit_test(a_site_that_lies_about_its_size_or_frames_is_refused),
        cmocka_unit_test(a_frame_of_a_runtime_is_read_back_and_one_that_lies_is_none),
        cmocka_unit_test(a_site_that_is_not_complete_is_passed_over_and_the_next_one_found),
        cmocka_unit_test(a_module_that_lies_about_its_build_id_or_has_no_end_of_path_is_none),
        cmocka_unit_test(a_ref_into_the_middle_of_a_detail_is_refused),
        cmocka_unit_test(no_ref_and_no_content_leads_outside_the_file),
        cmocka_unit_test(a_slot_extent_of_no_possible_descriptor_is_passed_over),
        cmocka_unit_test(only_live_slots_are_given),
        cmocka_unit_test(strings_are_cut_at_their_field_and_cannot_steer_a_terminal),
        cmocka_unit_test(a_copy_never_mixes_two_lives_of_a_descriptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
