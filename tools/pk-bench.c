/*
 * pk-bench: load and measurements on ZooKeeper servers and what stands in front of them. Real sessions,
 * thousands in one event loop; `pk-bench --help` lists the commands.
 *
 * Happy path: options, the loop, one subcommand, its report; exit status 0.
 * Failure modes: 1 when a request failed or something could not be reached, 2 when the command line is wrong.
 */
#include "tools/bench_hold.h"
#include "tools/bench_load.h"
#include "tools/bench_storm.h"

int main(int argc, char **argv)
{
    static struct pk_bench b;
    int status = pk_bench_parse(&b.opt, argc, argv);

    if (status >= 0)
        return status;
    if (!pk_bench_begin(&b))
        return 1;
    if (b.opt.command == PK_BENCH_STORM)
        status = pk_storm_run(&b);
    else if (b.opt.command == PK_BENCH_IDLE || b.opt.command == PK_BENCH_ZNODES)
        status = pk_hold_run(&b);
    else
        status = pk_load_run(&b);
    pk_bench_free(&b);
    return status;
}
