/*
 * The page. Happy path: a line of state, a few figures, warnings with what helps, the tables. The script asks for it
 * every five seconds and puts the new figures in place of the old ones; without scripts the browser loads the whole
 * anew. Failure modes: names and paths come from clients, so all of them are escaped; a daemon that does not answer any
 * more is said above figures that are old.
 */
#include "io/admin/page.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/histogram.h"
#include "io/admin/group.h"
#include "io/admin/lists.h"
#include "io/conn/listener.h"
#include "io/conn/pairs.h"
#include "io/instances/marker.h"

enum { TALKERS = 10, MEMBERS = 16, QUIET_US = 300 * 1000000 };

static const char head[] =
    "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>pacekeeper</title>\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
    "<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>\n"
    "<script src=\"/page.js\" defer></script>\n<style>"
    ":root{color-scheme:light "
    "dark;--back:#fff;--text:#1a1a1a;--soft:#666;--line:#ddd;--warn:#8a4b00;--good:#0a6b2d}"
    "@media(prefers-color-scheme:dark){:root{--back:#111;--text:#eee;--soft:#aaa;--line:#333;--warn:#ffb454;"
    "--good:#6fd08c}}"
    "body{background:var(--back);color:var(--text);font:15px/1.4 system-ui,sans-serif;margin:1rem auto;"
    "max-width:75rem;padding:0 1rem}h1{font-size:1.3rem}h2{font-size:1.05rem;margin:1.5rem 0 .3rem}"
    ".tiles{display:flex;flex-wrap:wrap;gap:.8rem}.tiles div{border:1px solid "
    "var(--line);border-radius:.4rem;"
    "padding:.5rem .8rem}.tiles b{display:block;font-size:1.4rem}.tiles span{color:var(--soft)}"
    ".wide{overflow-x:auto}table{border-collapse:collapse;white-space:nowrap}th,td{padding:.15rem .8rem "
    ".15rem 0;"
    "text-align:left;border-bottom:1px solid var(--line)}th{color:var(--soft);font-weight:500}"
    "td.n{text-align:right;font-variant-numeric:tabular-nums}.warn{color:var(--warn)}.good{color:var(--good)}"
    "</style></head><body>\n<p id=\"old\" class=\"warn\" role=\"status\" hidden></p>\n<main>\n";

/* Nothing is touched while text is selected, or where nobody looks. */
static const char script[] =
    "'use strict';\n"
    "const old = document.getElementById('old');\n"
    "const name = element => element.getAttribute('aria-label');\n"
    "let since = new Date();\n"
    "async function asked() {\n"
    "  try {\n"
    "    const answer = await fetch('/', {cache: 'no-store', signal: AbortSignal.timeout(4000)});\n"
    "    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');\n"
    "    return answer.ok ? page.querySelector('main') : null;\n"
    "  } catch (_) {\n"
    "    return null;\n"
    "  }\n"
    "}\n"
    "function put(main) {\n"
    "  const now = document.querySelector('main');\n"
    "  const tables = [...now.querySelectorAll('.wide')].map(t => [name(t), t.scrollLeft]);\n"
    "  const focus = name(document.activeElement);\n"
    "  now.replaceWith(main);\n"
    "  const find = label => [...main.querySelectorAll('.wide')].find(t => name(t) === label);\n"
    "  for (const [label, left] of tables)\n"
    "    if (find(label)) find(label).scrollLeft = left;\n"
    "  if (focus && find(focus)) find(focus).focus({preventScroll: true});\n"
    "}\n"
    "async function renew() {\n"
    "  if (document.hidden || getSelection().type === 'Range') return;\n"
    "  const main = await asked();\n"
    "  if (main) {\n"
    "    since = new Date();\n"
    "    put(main);\n"
    "  }\n"
    "  old.hidden = !!main;\n"
    "  if (!main) old.textContent = 'No answer: these figures are of ' + since.toLocaleTimeString() + '.';\n"
    "}\n"
    "setInterval(renew, 5000);\n";

static void tile(struct pk_text *out, const char *what, const char *unit, double value, int digits)
{
    pk_text_add(out, "<div><span>%s</span><b>%.*f%s</b></div>\n", what, digits, value, unit);
}

static void tiles(struct pk_admin *admin, struct pk_text *out)
{
    const struct core *core = admin->conns->loop.core;
    const struct core_stats *s = core_stats(core);
    struct pk_rate rate = pk_rates_over(&admin->rates, PK_RATES_KEPT - 1);
    struct pk_histogram beats;
    double spared = rate.absorbed > rate.flushes ? rate.absorbed - rate.flushes : 0;
    int64_t today = s->beats_absorbed - admin->rates.day.absorbed - (s->flushes - admin->rates.day.flushes);
    core_beats_lately(core, &beats);
    pk_text_add(out, "<div class=\"tiles\">\n");
    tile(out, "transactions spared, last minute", "/s", spared, 1);
    tile(out, "spared of absorbed writes", " %", rate.absorbed > 0 ? 100 * spared / rate.absorbed : 0, 1);
    tile(out, "spared today", "", today > 0 ? (double)today : 0, 0);
    tile(out, "answered from memory", "/s", rate.local, 1);
    tile(out, "relayed", "/s", rate.relayed, 1);
    tile(out, "beats, half within", " µs", (double)pk_histogram_quantile(&beats, 0.5), 0);
    tile(out, "beats, 99 % within", " µs", (double)pk_histogram_quantile(&beats, 0.99), 0);
    tile(out, "clients", "", (double)s->connections, 0);
    pk_text_add(out, "</div>\n");
}

static void warn(struct pk_text *out, const char *what, const char *subject, const char *remedy)
{
    pk_text_add(out, "<p class=\"warn\">%s", what);
    pk_html_text(out, subject);
    pk_text_add(out, " &mdash; %s</p>\n", remedy);
}

static void warn_servers(struct pk_admin *admin, struct pk_text *out)
{
    const struct pk_upstream *upstream = admin->conns->upstream;
    for (int i = 0; i < upstream->nservers; i++) {
        const struct pk_server *s = &upstream->servers[i];
        if (s->names != 0 && !s->left && s->state != PK_SERVER_UP)
            warn(out, "Server does not serve: ", s->name,
                 "look at its log; clients use the others meanwhile");
    }
}

static void warn_mounts(struct pk_admin *admin, struct pk_text *out)
{
    struct core_mount_info info;
    for (size_t i = 0; core_mount_next(admin->conns->loop.core, &i, &info); i++) {
        const struct pk_tally *tally = core_tally(admin->conns->loop.core, i);
        if (admin->late.mounts[i].late > 0)
            warn(out, "Beats that nobody has written for a minute below ", info.path,
                 "their writers may be dead, see Storm's UI; pacekeeper show late lists them");
        if (tally->unabsorbed[PK_REASON_BOUND] > 0)
            warn(out, "A bound was reached below ", info.path, "raise max-znodes, max-bytes or max-znode");
        if (info.recursive > 0)
            warn(out, "A recursive watch keeps everything from being absorbed below ", info.path,
                 "pacekeeper explain PATH names who watches");
    }
}

static void warnings(struct pk_admin *admin, struct pk_text *out)
{
    int seen, conflicting;
    const struct pk_loop *loop = &admin->conns->loop;
    const struct core_stats *s = core_stats(loop->core);
    warn_servers(admin, out);
    warn_mounts(admin, out);
    pk_marker_figures(admin->marker, &seen, &conflicting);
    if (conflicting > 0)
        warn(out, "Another pacekeeper holds a mount of this one in the mode pacemaker", "",
             "stop one of them, or give both the mode write-behind");
    if (admin->listeners->pauses > 0)
        warn(out, "Accepting has paused for want of descriptors", "", "raise LimitNOFILE");
    if (s->writes_dropped > 0)
        warn(out, "Absorbed writes were given up", "",
             "the log names the znodes; auth-file lets the service session in");
    if (loop->now_us - loop->started_us > QUIET_US && s->sessions > 0 && s->beats_absorbed == 0)
        warn(out, "Nothing has been absorbed", "",
             "compare the mounts with storm.zookeeper.root; pacekeeper explain PATH");
}

static void section(struct pk_text *out, const char *title, struct pk_table *table)
{
    if (table->n > 0) {
        pk_text_add(out, "<h2>%s</h2>\n", title);
        pk_table_html(table, title, out);
    }
    pk_table_free(table);
}

static void state(struct pk_admin *admin, struct pk_text *out)
{
    const char *why = pk_admin_unready(admin);
    pk_text_add(out, "<h1>pacekeeper %s: <span class=\"%s\">", PACKAGE_VERSION,
                why == NULL ? "good" : "warn");
    pk_html_text(out, why == NULL ? "ready" : why);
    pk_text_add(out, "</span></h1>\n");
}

void pk_page(struct pk_admin *admin, struct pk_text *out)
{
    struct pk_table mounts, servers, writers, readers, late, group;
    pk_list_group(admin, &group, MEMBERS);
    pk_list_mounts(admin, &mounts, PK_MAX_MOUNTS);
    pk_list_servers(admin, &servers, PK_MAX_ADDRESSES);
    pk_list_writers(admin, &writers, TALKERS);
    pk_list_readers(admin, &readers, TALKERS);
    pk_list_late(admin, &late, PK_LATE_SHOWN);
    pk_text_add(out, "%s", head);
    state(admin, out);
    tiles(admin, out);
    warnings(admin, out);
    section(out, "Group", &group);
    section(out, "Mounts", &mounts);
    section(out, "Servers", &servers);
    section(out, "Busiest writers", &writers);
    section(out, "Busiest readers", &readers);
    section(out, "Late beats", &late);
    pk_text_add(out, "</main>\n<p><a href=\"/metrics\">/metrics</a> <a href=\"/ready\">/ready</a> "
                     "<a href=\"/api/v1/config?format=text\">configuration</a></p></body></html>\n");
}

void pk_page_script(struct pk_text *out)
{
    pk_text_add(out, "%s", script);
}
