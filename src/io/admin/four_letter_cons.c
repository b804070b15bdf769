/*
 * The connections, one a line, for cons and stat. Happy path: every client that the core knows, oldest first;
 * one without a session has the short line that ZooKeeper gives it.
 */
#include "io/admin/four_letter_cons.h"

#include <inttypes.h>

#include "io/admin/admin.h"
#include "io/conn/pairs.h"
#include "io/loop/text.h"

/* As ZooKeeper shows them: the first four letters of the name. */
static void op_name(int32_t op, char out[5])
{
    const char *name = "NA";
    switch (op) {
#define X(number, symbol, record, route)                                                                     \
    case number:                                                                                             \
        name = #symbol;                                                                                      \
        break;
#include "proto/opcodes.def"
#undef X
    default:
        break;
    }
    size_t n = 0;
    for (; *name != '\0' && n < 4; name++)
        if (*name != '_')
            out[n++] = *name;
    out[n] = '\0';
}

static void line(const struct pk_pair *pair, struct pk_text *out, bool details)
{
    char address[PK_ADDRESS_TEXT];
    struct core_conn_info info;
    const struct pk_loop *loop = &pair->conns->loop;
    if (pair->service || pair->state != PK_PAIR_KNOWN || !core_conn_info(loop->core, pair->id, &info))
        return;
    pk_text_add(out, " /%s[%d](queued=%" PRIu32 ",recved=%" PRIu64 ",sent=%" PRIu64,
                pk_address_text(&pair->peer.any, address), pair->client.reading ? 1 : 0, info.queued,
                info.received, info.sent);
    /* Who knows the whole of an id can cut its client off, at the ensemble too. The log, which strangers do not
     * read, has it whole. */
    if (details && info.session_id != 0) {
        int64_t opened_ms = loop->wall_ms - (loop->now_us - info.opened_us) / 1000;
        int64_t heard_ms = loop->wall_ms - (loop->now_us - info.heard_us) / 1000;
        char op[5];
        op_name(info.last_op, op);
        pk_text_add(out,
                    ",sid=0x%04x,lop=%s,est=%" PRId64 ",to=%" PRId32 ",lcxid=0x%" PRIx32 ",lzxid=0x%" PRIx64,
                    (unsigned)(info.session_id & 0xffff), op, opened_ms, info.timeout_ms,
                    (uint32_t)info.last_xid, (uint64_t)info.last_zxid);
        pk_text_add(out, ",heard=%" PRId64 ",local=%" PRIu64, heard_ms, info.local);
    }
    pk_text_add(out, ")\n");
}

static void lines(const struct pk_admin *admin, struct pk_text *out, bool details)
{
    PK_LIST_EACH(node, tmp, &admin->conns->pairs) {
        line(PK_CONTAINER(node, struct pk_pair, all), out, details);
    }
}

void pk_four_letter_clients(const struct pk_admin *admin, struct pk_text *out)
{
    lines(admin, out, false);
}

void pk_four_letter_cons(const struct pk_admin *admin, struct pk_text *out)
{
    lines(admin, out, true);
    pk_text_add(out, "\n");
}
