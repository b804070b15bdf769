/*
 * mntr: NAME<tab>VALUE lines. ZooKeeper's own names first, as far as they mean something here; then every
 * figure of metrics.def and what io knows, with pk_ before it. A mount's figures end in its path with slashes
 * as underscores: pk_mount_znodes_storm_workerbeats. Latencies are those of the last minute.
 */
#include "io/admin/four_letter_mntr.h"

#include <inttypes.h>

#include "base/histogram.h"
#include "io/admin/admin.h"
#include "io/admin/group.h"
#include "io/config/config.h"
#include "io/conn/listener.h"
#include "io/conn/pairs.h"
#include "io/instances/marker.h"
#include "io/loop/limits.h"
#include "io/loop/text.h"
#include "io/upstream/servers.h"

static void number(struct pk_text *out, const char *name, int64_t value)
{
    pk_text_add(out, "%s\t%" PRId64 "\n", name, value);
}

static void zookeeper_figures(const struct pk_admin *admin, const struct pk_histogram *beats,
                              struct pk_text *out)
{
    const struct pk_loop *loop = &admin->conns->loop;
    const struct core_stats *s = core_stats(loop->core);
    char version[PK_ADMIN_VERSION];
    int64_t received = s->requests_local + s->requests_relayed;
    pk_admin_version(admin, version, sizeof version);
    pk_text_add(out, "zk_version\t%s\nzk_server_state\tproxy\n", version);
    number(out, "zk_num_alive_connections", s->connections);
    pk_text_add(out, "zk_avg_latency\t%.4f\n", pk_histogram_mean(beats) / 1000);
    number(out, "zk_outstanding_requests", s->queue_depth);
    number(out, "zk_znode_count", s->znodes);
    number(out, "zk_ephemerals_count", 0); /* those below mounts are the ensemble's */
    number(out, "zk_global_sessions", s->sessions);
    number(out, "zk_packets_sent", received - s->queue_depth + s->events);
    number(out, "zk_packets_received", received);
    number(out, "zk_watch_count", s->watched_paths);
    number(out, "zk_min_latency", beats->min / 1000);
    number(out, "zk_max_file_descriptor_count", admin->limits->max_files);
    number(out, "zk_approximate_data_size", s->bytes);
    number(out, "zk_open_file_descriptor_count", pk_admin_open_files(admin));
    number(out, "zk_uptime", (loop->now_us - loop->started_us) / 1000);
    number(out, "zk_max_latency", beats->max / 1000);
    number(out, "zk_connection_rejected", admin->listeners->rejected);
}

static void core_figures(const struct pk_admin *admin, const struct pk_histogram *beats, struct pk_text *out)
{
    const struct pk_loop *loop = &admin->conns->loop;
    const struct core_stats *s = core_stats(loop->core);
#define X(name, kind, help) number(out, "pk_" #name, s->name);
#include "core/store/metrics.def"
#undef X
    number(out, "pk_newest_zxid", s->newest_zxid);
    number(out, "pk_beat_latency_p50_us", pk_histogram_quantile(beats, 0.5));
    number(out, "pk_beat_latency_p99_us", pk_histogram_quantile(beats, 0.99));
    number(out, "pk_beat_latency_p999_us", pk_histogram_quantile(beats, 0.999));
    number(out, "pk_hold_time_p50_us", core_hold_time(loop->core, 0.5));
    number(out, "pk_hold_time_p99_us", core_hold_time(loop->core, 0.99));
    number(out, "pk_hold_time_p999_us", core_hold_time(loop->core, 0.999));
}

static void mount_figure(struct pk_text *out, const char *name, const char *path, uint64_t value)
{
    char flat[PK_MOUNT_PATH];
    size_t i = 0;
    for (; path[i] != '\0' && i < sizeof flat - 1; i++)
        flat[i] = (path[i] >= 'a' && path[i] <= 'z') || (path[i] >= 'A' && path[i] <= 'Z') ||
                          (path[i] >= '0' && path[i] <= '9')
                      ? path[i]
                      : '_';
    flat[i] = '\0';
    pk_text_add(out, "%s%s\t%" PRIu64 "\n", name, flat, value);
}

static void mount_figures(const struct pk_admin *admin, struct pk_text *out)
{
    struct core_mount_info info;
    for (size_t i = 0; core_mount_next(admin->conns->loop.core, &i, &info); i++) {
        mount_figure(out, "pk_mount_znodes", info.path, info.znodes);
        mount_figure(out, "pk_mount_bytes", info.path, info.bytes);
        mount_figure(out, "pk_mount_cached_znodes", info.path, info.cached_znodes);
        mount_figure(out, "pk_mount_dirty", info.path, info.dirty);
        mount_figure(out, "pk_mount_left", info.path, info.left);
    }
    number(out, "pk_left", core_left(admin->conns->loop.core));
}

static void client_figures(const struct pk_admin *admin, struct pk_text *out)
{
    number(out, "pk_rejected_per_address", admin->listeners->rejected_per_address);
    number(out, "pk_made_room", admin->listeners->made_room);
}

static void instance_figures(const struct pk_admin *admin, struct pk_text *out)
{
    int seen = 0, conflicting = 0;
    pk_marker_figures(admin->marker, &seen, &conflicting);
    number(out, "pk_instances", seen);
    number(out, "pk_instances_conflicting", conflicting);
}

static void copy_figures(const struct pk_admin *admin, struct pk_text *out)
{
    struct core_member_info slowest = {0};
    const struct pk_loop *loop = &admin->conns->loop;
    (void)pk_group_slowest(admin, &slowest);
    number(out, "pk_group_lag_records", (int64_t)slowest.lag_records);
    number(out, "pk_group_lag_bytes", (int64_t)slowest.lag_bytes);
    number(out, "pk_group_lag_ms", pk_admin_since_us(admin, slowest.lag_us) / 1000);
    number(out, "pk_group_copy_wait_p50_us", core_copy_wait(loop->core, 0.5));
    number(out, "pk_group_copy_wait_p99_us", core_copy_wait(loop->core, 0.99));
    number(out, "pk_group_copy_wait_p999_us", core_copy_wait(loop->core, 0.999));
    number(out, "pk_group_link_bytes",
           admin->conns->bytes_in[PK_TRAFFIC_LINK] + admin->conns->bytes_out[PK_TRAFFIC_LINK]);
    number(out, "pk_group_link_messages", admin->conns->link_messages);
    number(out, "pk_group_turned_away_secret", admin->listeners->guests.wrong);
    number(out, "pk_group_turned_away_other", admin->listeners->guests.other);
}

/* A line for each member that has a link with us. */
static void member_figures(const struct pk_admin *admin, struct pk_text *out)
{
    struct core_member_info m;
    const struct pk_loop *loop = &admin->conns->loop;
    for (size_t i = 0; core_group_member(loop->core, i, &m); i++)
        pk_text_add(out,
                    "pk_group_member_%zu\t%s listed=%d link_version=%" PRIu32 " lag_records=%" PRIu64
                    " lag_bytes=%" PRIu64 " lag_ms=%" PRId64 " snapshot_bytes=%" PRIu64 "/%" PRIu64 "\n",
                    i, m.address[0] != '\0' ? m.address : "unknown", m.listed, m.version, m.lag_records,
                    m.lag_bytes, pk_admin_since_us(admin, m.lag_us) / 1000, m.snapshot_bytes, m.snapshot_of);
}

static void group_figures(const struct pk_admin *admin, struct pk_text *out)
{
    struct core_group_info info;
    const struct pk_loop *loop = &admin->conns->loop;
    if (!core_group_info(loop->core, &info))
        return;
    pk_text_add(out, "pk_group_role\t%s\n", pk_group_role(info.role));
    pk_text_add(out, "pk_group_epoch\t0x%" PRIx64 "\n", (uint64_t)info.epoch);
    pk_text_add(out, "pk_group_primary\t%s\n", info.primary[0] != '\0' ? info.primary : "unknown");
    number(out, "pk_group_reigning", info.reigning);
    number(out, "pk_group_listed", info.listed);
    number(out, "pk_group_copies", info.copies);
    number(out, "pk_group_waiting", (int64_t)info.waiting);
    number(out, "pk_group_refused_ms", pk_admin_since_us(admin, info.refused_us) / 1000);
    number(out, "pk_group_snapshot_bytes", (int64_t)info.snapshot_bytes);
    number(out, "pk_group_snapshot_of", (int64_t)info.snapshot_of);
    copy_figures(admin, out);
    member_figures(admin, out);
}

static void upstream_figures(const struct pk_admin *admin, struct pk_text *out)
{
    struct pk_ensemble_state state = pk_upstream_state(admin->conns->upstream);
    pk_text_add(out, "pk_upstream_version\t%s\n", state.version[0] != '\0' ? state.version : "unknown");
    pk_text_add(out, "pk_upstream_state\t%s\n",
                state.up == 0           ? "down"
                : state.mode[0] != '\0' ? state.mode
                                        : "unknown");
    number(out, "pk_upstream_servers", state.servers);
    number(out, "pk_upstream_servers_up", state.up);
}

void pk_four_letter_mntr(const struct pk_admin *admin, struct pk_text *out)
{
    struct pk_histogram beats;
    core_beats_lately(admin->conns->loop.core, &beats);
    zookeeper_figures(admin, &beats, out);
    pk_text_add(out, "pk_version\t%s\n", PACKAGE_VERSION);
    core_figures(admin, &beats, out);
    mount_figures(admin, out);
    client_figures(admin, out);
    upstream_figures(admin, out);
    instance_figures(admin, out);
    group_figures(admin, out);
}
