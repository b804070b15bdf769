/*
 * Doctor's lines. Happy path: ok lines, and a count. Failure modes: none; bytes of servers that a terminal would take
 * for commands are shown as ?.
 */
#include "io/doctor/report.h"

#include <stdarg.h>
#include <stdio.h>

enum { TEXT = 600 };

static const struct {
    const char *name, *colour;
} verdicts[PK_VERDICTS] = {{"ok", "\033[32m"}, {"warn", "\033[33m"}, {"FAIL", "\033[31m"}};

static void json_text(const char *name, const char *text)
{
    printf("\"%s\": \"", name);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('"');
}

static void say_json(struct pk_report *r, enum pk_verdict verdict, const char *what, const char *remedy,
                     const char *text)
{
    bool first = r->said[PK_FINE] + r->said[PK_WARN] + r->said[PK_FAIL] == 1;
    printf("%s {\"verdict\": \"%s\", ", first ? "{\"checks\": [\n" : ",\n", verdicts[verdict].name);
    json_text("what", what);
    fputs(", ", stdout);
    json_text("found", text);
    if (remedy != NULL) {
        fputs(", ", stdout);
        json_text("remedy", remedy);
    }
    putchar('}');
}

void pk_report_say(struct pk_report *report, enum pk_verdict verdict, const char *what, const char *remedy,
                   const char *format, ...)
{
    char text[TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
    report->said[verdict]++;
    if (report->json) {
        say_json(report, verdict, what, remedy, text);
        return;
    }
    printf("%s%-4s%s  %s: %s\n", report->colours ? verdicts[verdict].colour : "", verdicts[verdict].name,
           report->colours ? "\033[0m" : "", what, text);
    if (remedy != NULL)
        printf("      -> %s\n", remedy);
}

int pk_report_end(struct pk_report *report)
{
    if (report->json)
        printf("],\n \"ok\": %zu, \"warnings\": %zu, \"failures\": %zu}\n", report->said[PK_FINE],
               report->said[PK_WARN], report->said[PK_FAIL]);
    else
        printf("%zu ok, %zu warnings, %zu failures\n", report->said[PK_FINE], report->said[PK_WARN],
               report->said[PK_FAIL]);
    return report->said[PK_FAIL] > 0 ? 1 : 0;
}
