/*
 * Secrets and core dumps. Happy path: the kernel is told once of each place, which splits a mapping at most twice.
 * Failure modes: it refuses: then they are dumped, as without this.
 */
#include "io/loop/secret.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

void pk_secret_undumped(const void *p, size_t n)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)p & ~(page - 1);
    (void)madvise((void *)begin, (uintptr_t)p + n - begin, MADV_DONTDUMP);
}
