/*
 * Fuzz target: an ensemble that lies. The clients are honest (script.h), and what the model ensemble answers is changed
 * on its way: any header, Stats of other versions, null names, lengths that do not fit, extreme zxids, too much, too
 * little, twice, out of order. The framing stays valid. The front of the input is the clients' script, its end the
 * lies, read backwards: one byte for each frame, from 0xc0 on a lie, which may go on for the frames that follow.
 *
 * A watchdog counts what the ensemble is asked: between two ticks there is an end to it, whatever it answers.
 * Failure: a sanitizer's finding, an assertion of the driver, too many questions, or something left over when everybody
 * has gone and the ensemble is honest again.
 */
#include <stdlib.h>

#include "core/inspect.h"
#include "proto/records.h"
#include "script.h"
#include "tests/sim/uplink.h"

enum { HEADER = PK_LEN_WORD + 16, MOST_ANSWERS = 4000, MOST_BYTES = 32 << 20 };

enum lie {
    ZXID,
    XID,
    ERROR,
    ONLY_ERROR,
    EMPTY,
    CUT,
    LONGER,
    STAT,
    NUMBER,
    BYTE,
    DROP,
    TWICE,
    LATER,
    INVENTED,
    LIES
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fuzz_input lies;
static struct {
    uint8_t kind, how, what, left;
} lie;
static struct sup_buf frame, kept;
static uint64_t answers;
static void (*honest)(void *ctx, int link, const uint8_t *p, size_t len);

static uint8_t from_end(void)
{
    return lies.p < lies.end ? *--lies.end : 0;
}

static int64_t number(uint8_t what)
{
    static const int64_t extreme[] = {0,         1,         -1,        -2,      INT32_MAX,
                                      INT32_MIN, INT64_MAX, INT64_MIN, 1 << 24, 0xfffff};
    return what < 10 ? extreme[what] : what < 128 ? what - 64 : (int64_t)what << 32;
}

static int32_t error(uint8_t what)
{
    static const int32_t codes[] = {PK_Z_OK,
                                    PK_Z_NO_NODE,
                                    PK_Z_NODE_EXISTS,
                                    PK_Z_BAD_VERSION,
                                    PK_Z_NO_AUTH,
                                    PK_Z_NOT_EMPTY,
                                    -112,
                                    -4,
                                    PK_Z_BAD_ARGUMENTS,
                                    -6,
                                    INT32_MIN,
                                    INT32_MAX};
    return what < 12 ? codes[what] : (int8_t)what;
}

static void put(size_t at, int64_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes && at + i < frame.len; i++)
        frame.p[at + i] = (uint8_t)((uint64_t)v >> 8 * (bytes - 1 - i));
}

/* A field of one of the Stats, counted from the end: of the only one, or of a multi's results. */
static void change_stat(void)
{
    static const uint8_t at[] = {0, 8, 16, 24, 32, 36, 40, 44, 52, 56, 60};
    static const uint8_t wide[] = {8, 8, 8, 8, 4, 4, 4, 8, 4, 4, 8};
    size_t field = lie.how % 11, back = PK_STAT_LEN + lie.how / 11 % 4 * (PK_STAT_LEN + PK_MULTI_HEADER);
    back += (lie.how & 128) != 0 ? PK_MULTI_HEADER : 0; /* a multi ends with a header */
    if (frame.len >= HEADER + back)
        put(frame.len - back + at[field], number(lie.what), wide[field]);
}

static void change(void)
{
    size_t at = PK_LEN_WORD + (frame.len > HEADER ? lie.how % (frame.len - PK_LEN_WORD) : 0);
    switch ((enum lie)lie.kind) {
    case XID:
        put(PK_LEN_WORD, number(lie.what), 4);
        break;
    case ZXID:
        put(PK_LEN_WORD + 4, number(lie.what), 8);
        break;
    case ERROR:
    case ONLY_ERROR:
    case EMPTY:
        frame.len = lie.kind != ERROR && frame.len > HEADER ? HEADER : frame.len;
        put(PK_LEN_WORD + 12, lie.kind == EMPTY ? PK_Z_OK : error(lie.what), 4);
        break;
    case CUT:
        frame.len = at;
        break;
    case LONGER:
        for (int i = lie.how; i >= 0; i--)
            sup_byte(&frame, lie.what);
        break;
    case STAT:
        change_stat();
        break;
    case NUMBER:
        put(at, number(lie.what), 4);
        break;
    case BYTE:
        put(at, lie.what, 1);
        break;
    default:
        break;
    }
    put(0, (int64_t)frame.len - PK_LEN_WORD, PK_LEN_WORD);
}

/* What nobody has asked for. */
static void invent(void *ctx, int link)
{
    struct sup_buf event = {0};
    sup_int(&event, 0);
    sup_int(&event, lie.how & 1 ? -1 : number(lie.what));
    sup_long(&event, lie.how & 2 ? -1 : number(lie.how));
    sup_int(&event, lie.how & 4 ? error(lie.what) : 0);
    sup_int(&event, lie.how & 8 ? number(lie.what) : 1 + lie.what % 5);
    sup_int(&event, 3);
    sup_str(&event, lie.how & 16 ? NULL : "/storm/workerbeats/a");
    for (int shift = 24, i = 0; shift >= 0; shift -= 8)
        event.p[i++] = (uint8_t)((event.len - PK_LEN_WORD) >> shift);
    honest(ctx, link, event.p, event.len);
    sup_buf_free(&event);
}

static void next_lie(void)
{
    uint8_t kind = from_end();
    if (kind < 0xc0)
        return;
    lie.kind = kind % LIES;
    lie.how = from_end();
    lie.what = from_end();
    lie.left = kind & 32 ? from_end() : 1;
}

static void emit(void *ctx, int link, const uint8_t *p, size_t len)
{
    if (++answers > MOST_ANSWERS)
        abort(); /* no end of questions */
    if (lie.left == 0)
        next_lie();
    if (lie.left == 0) {
        honest(ctx, link, p, len);
        return;
    }
    lie.left -= lie.left < 255; /* 255: from now on */
    sup_buf_reset(&frame);
    sup_raw(&frame, p, len);
    change();
    if (lie.kind == INVENTED)
        invent(ctx, link);
    if (lie.kind == LATER && kept.len == 0) {
        sup_raw(&kept, frame.p, frame.len);
        return;
    }
    if (lie.kind != DROP)
        honest(ctx, link, frame.p, frame.len);
    if (lie.kind == TWICE)
        honest(ctx, link, frame.p, frame.len);
    if (kept.len > 0)
        honest(ctx, link, kept.p, kept.len);
    sup_buf_reset(&kept);
}

static void pass_time(int ticks)
{
    for (; ticks > 0; ticks--) {
        sim_advance(&s, 250000);
        answers = 0;
    }
}

static void one_step(struct fuzz_input *in, int n)
{
    uint8_t what = fuzz_byte(in);
    int c = what % 8 != 0 ? fuzz_somebody(in) : -1;
    sup_buf_reset(&b);
    answers = 0;
    if (what % 8 != 0 && c < 0)
        what = 0;
    switch (what % 8) {
    case 0:
        fuzz_arrive(in);
        break;
    case 1:
        pass_time(fuzz_byte(in) % 32);
        break;
    case 2:
        s.conns[c].hold = !s.conns[c].hold;
        break;
    case 3:
        if ((what & 0xe0) == 0)
            sim_leave(&s, c);
        else
            fuzz_foreign(in);
        break;
    case 4:
        sim_lose(&s, c, what >> 6, (enum sim_loss)(what >> 4) % 3);
        break;
    default:
        for (int i = what >> 5; i >= 0; i--)
            fuzz_request(in, n * 10 + i);
        sim_send(&s, c, &b);
        break;
    }
    if ((what & 8) == 0)
        sim_pump(&s);
    if (s.mem.bytes > MOST_BYTES)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_input in = {bytes, bytes + size};
    fuzz_start(bytes, size);
    lies = in;
    lie.left = 0;
    answers = 0;
    honest = s.zk.emit;
    s.zk.emit = emit;
    for (int n = 1; n < FUZZ_STEPS && in.p < lies.end; n++) {
        one_step(&in, n);
        core_check(s.core);
        lies.p = in.p;
    }
    s.zk.emit = honest;
    fuzz_end();
    sup_buf_free(&frame);
    sup_buf_free(&kept);
    return 0;
}
