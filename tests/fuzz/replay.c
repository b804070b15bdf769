/*
 * The main of a fuzz target outside libFuzzer: runs it over files.
 *
 * fuzz_NAME [FILE]... replays the files named, or all of tests/fuzz/corpus/NAME below $top_srcdir. Every file
 * is also replayed cut in half, so that small corpora reach the places where input ends early. Failure: a
 * folder without files, or a file that cannot be read, is an error; what the target finds ends the program.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        return -1;
    }
    static uint8_t room[1 << 20];
    size_t n = fread(room, 1, sizeof room, f);
    fclose(f);
    for (size_t len = n; len > 0; len /= 2) {
        uint8_t *exact = malloc(len);
        if (exact == NULL)
            return -1;
        memcpy(exact, room, len);
        LLVMFuzzerTestOneInput(exact, len);
        free(exact);
    }
    return 0;
}

static int replay_folder(const char *target)
{
    char folder[3000], path[4000];
    const char *top = getenv("top_srcdir"), *slash = strrchr(target, '/');
    target = slash != NULL ? slash + 1 : target;
    snprintf(folder, sizeof folder, "%s/tests/fuzz/corpus/%s", top != NULL ? top : ".",
             strncmp(target, "fuzz_", 5) == 0 ? target + 5 : target);
    DIR *d = opendir(folder);
    if (d == NULL) {
        perror(folder);
        return 1;
    }
    int n = 0, failed = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        failed |= replay(path);
        n++;
    }
    closedir(d);
    printf("%s: %d inputs\n", folder, n);
    return failed != 0 || n == 0;
}

int main(int argc, char **argv)
{
    int failed = 0;
    if (argc == 1)
        return replay_folder(argv[0]);
    for (int i = 1; i < argc; i++)
        failed |= replay(argv[i]);
    return failed != 0;
}
