/*
 * A resolver under a test's control, preloaded: $FAKE_NAMES is a file of lines NAME ADDRESS ... for the names that it
 * knows, read anew each time. "NAME hangs" does not answer for a minute; a line without an address resolves to nothing.
 * Names that are not there go to the real one.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

/* The addresses of a name, one behind the other. */
static int answer(resolver *real, char *rest, const char *service, const struct addrinfo *hints,
                  struct addrinfo **found)
{
    struct addrinfo **end = found;
    char *word = strtok_r(NULL, " \n", &rest);
    if (word != NULL && strcmp(word, "hangs") == 0)
        sleep(60);
    *found = NULL;
    for (; word != NULL; word = strtok_r(NULL, " \n", &rest)) {
        if (real(word, service, hints, end) != 0)
            return EAI_AGAIN;
        while (*end != NULL)
            end = &(*end)->ai_next;
    }
    return *found != NULL ? 0 : EAI_NONAME;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    resolver *real = (resolver *)dlsym(RTLD_NEXT, "getaddrinfo");
    bool numeric = hints != NULL && (hints->ai_flags & AI_NUMERICHOST) != 0;
    FILE *file = numeric ? NULL : fopen(getenv("FAKE_NAMES"), "r");
    char line[1000], *rest;
    int result = -1;
    while (file != NULL && node != NULL && result == -1 && fgets(line, sizeof line, file) != NULL) {
        char *name = strtok_r(line, " \n", &rest);
        if (name != NULL && strcmp(name, node) == 0) {
            result = answer(real, rest, service, hints, found);
            break;
        }
    }
    if (file != NULL)
        fclose(file);
    return result != -1 ? result : real(node, service, hints, found);
}
