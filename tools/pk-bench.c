/*
 * pk-bench: load and measurements on ZooKeeper servers and what stands in front of them. Real sessions,
 * thousands in one event loop; `pk-bench --help` lists the commands.
 *
 * Happy path: options, the loop, one subcommand, its report; exit status 0.
 * Failure modes: 1 when a request failed or something could not be reached, 2 when the command line is wrong.
 */
#include "tools/bench/hold.h"
#include "tools/bench/load.h"
#include "tools/bench/lost.h"
#include "tools/bench/pulse.h"
#include "tools/bench/storm.h"

static const struct pk_bench_subject *subject_of(enum pk_bench_command command)
{
    switch (command) {
    case PK_BENCH_STORM:
        return &pk_storm_subject;
    case PK_BENCH_IDLE:
    case PK_BENCH_ZNODES:
        return &pk_hold_subject;
    case PK_BENCH_LOST:
        return &pk_lost_subject;
    case PK_BENCH_PULSES:
        return &pk_pulse_subject;
    default:
        return &pk_load_subject;
    }
}

int main(int argc, char **argv)
{
    static struct pk_bench b;
    int status = pk_bench_parse(&b.opt, argc, argv);
    return status >= 0 ? status : pk_bench_run(&b, subject_of(b.opt.command));
}
