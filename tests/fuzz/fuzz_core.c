/*
 * Fuzz target: the core as a whole. The input is a script: who comes and goes, what he sends, what the ensemble does,
 * how bytes are cut, when time passes and when memory runs out (script.h). The driver and the model ensemble are those
 * of the unit tests.
 *
 * Failure: a sanitizer's finding, an assertion of the driver, or something left over when everybody has gone.
 */
#include <stdlib.h>

#include "core/inspect.h"
#include "script.h"
#include "tests/sim/uplink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void lose(uint8_t how, int c)
{
    if (how % 4 == 0)
        s.conns[c].uplink.eof = s.conns[c].up;
    else if (how % 4 == 1)
        sim_lose(&s, c, how >> 5, (enum sim_loss)(how >> 2) % 3);
}

/* What concerns no client: the service session, requests that are late, modes. */
static void upset(uint8_t what)
{
    int service = sim_service(&s);
    struct core_mount relay = {.mode = PK_MODE_RELAY};
    switch (what) {
    case 249:
        s.zk.read_only = !s.zk.read_only;
        break;
    case 250:
        s.service_fail = 2;
        break;
    case 251:
        s.service_hold = !s.service_hold;
        break;
    case 252:
        if (service >= 0)
            sim_lose(&s, service, 1, SIM_UNHEARD);
        break;
    case 253:
        sim_late(&s, 1);
        break;
    case 254:
        if (core_mount_set(s.core, 0, &relay) != PK_OK)
            abort();
        break;
    default:
        sim_step(&s, -1, PK_RELEASE, NULL, 0);
        break;
    }
}

static void one_step(struct fuzz_input *in, int n)
{
    uint8_t what = fuzz_byte(in);
    int c = what % 16 != 0 ? fuzz_somebody(in) : -1;
    sup_buf_reset(&b);
    if (what % 16 != 0 && c < 0)
        what = 0;
    switch (what % 16) {
    case 0:
        fuzz_arrive(in);
        break;
    case 1:
        fuzz_raw(in);
        sim_send(&s, c, &b);
        break;
    case 2:
        fuzz_raw(in);
        if (s.conns[c].up)
            sup_raw(&s.conns[c].uplink.todo, b.p, b.len);
        break;
    case 3:
        sim_leave(&s, c);
        break;
    case 4:
        lose(fuzz_byte(in), c);
        break;
    case 5:
        sim_advance(&s, (int64_t)fuzz_byte(in) * 50000);
        break;
    case 6:
        s.conns[c].hold = !s.conns[c].hold;
        break;
    case 7:
        sim_release(&s, c, fuzz_byte(in) % 4 + 1);
        break;
    case 8:
        s.conns[c].deaf = !s.conns[c].deaf;
        break;
    case 9:
        s.conns[c].client.taking = (enum sim_taking)(fuzz_byte(in) % 3);
        s.conns[c].uplink.taking = (enum sim_taking)(fuzz_byte(in) % 3);
        break;
    case 10:
        what = fuzz_byte(in);
        s.chunk =
            what % 50u * (what % 50u); /* rarely a byte at a time, which costs the most and finds the least */
        if (what >= 249)
            upset(what);
        what = 0;
        break;
    case 11:
        sup_mem_fail(&s.mem, fuzz_byte(in));
        s.mem.all_after = fuzz_byte(in) % 8 == 0;
        break;
    case 12:
        fuzz_foreign(in);
        break;
    default:
        for (int i = what >> 5; i >= 0; i--)
            fuzz_request(in, n * 10 + i);
        sim_send(&s, c, &b);
        break;
    }
    if (what & 16)
        sim_pump(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_input in = {bytes, bytes + size};
    fuzz_start(bytes, size);
    for (int n = 1; n < FUZZ_STEPS && in.p < in.end; n++) {
        one_step(&in, n);
        core_check(s.core);
    }
    fuzz_end();
    return 0;
}
