/*
 * Distinguished names as Java's X500Principal.getName() writes them, which is RFC 2253 with choices of its own, because
 * the identity x509:SUBJECT of ZooKeeper's ACLs is that text: the last part of the name comes first; the parts of one
 * with several keep their order; types without a short name in RFC 2253, and values that are no text, are written as
 * the bytes that they are; an equals sign in a value is escaped. Failure modes: memory that is short.
 */
#include "io/tls/subject.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct out {
    char *text;
    size_t len, room;
    bool failed;
};

static void add(struct out *o, const char *p, size_t n)
{
    if (o->len + n + 1 > o->room && !o->failed) {
        size_t room = 2 * (o->len + n + 64);
        char *grown = realloc(o->text, room);
        o->failed = grown == NULL;
        if (grown != NULL) {
            o->text = grown;
            o->room = room;
        }
    }
    if (o->failed)
        return;
    memcpy(o->text + o->len, p, n);
    o->len += n;
    o->text[o->len] = '\0';
}

static void add_text(struct out *o, const char *text)
{
    add(o, text, strlen(text));
}

static const char *keyword(const ASN1_OBJECT *type)
{
    switch (OBJ_obj2nid(type)) {
    case NID_commonName:
        return "CN";
    case NID_countryName:
        return "C";
    case NID_localityName:
        return "L";
    case NID_stateOrProvinceName:
        return "ST";
    case NID_organizationName:
        return "O";
    case NID_organizationalUnitName:
        return "OU";
    case NID_streetAddress:
        return "STREET";
    case NID_domainComponent:
        return "DC";
    case NID_userId:
        return "UID";
    default:
        return NULL;
    }
}

static bool is_text(const ASN1_STRING *value)
{
    switch (ASN1_STRING_type(value)) {
    case V_ASN1_T61STRING:
    case V_ASN1_PRINTABLESTRING:
    case V_ASN1_IA5STRING:
    case V_ASN1_GENERALSTRING:
    case V_ASN1_BMPSTRING:
    case V_ASN1_UTF8STRING:
        return true;
    default:
        return false;
    }
}

static void add_bytes(struct out *o, const ASN1_STRING *value)
{
    ASN1_TYPE any = {.type = ASN1_STRING_type(value),
                     .value = {.asn1_string = (ASN1_STRING *)(uintptr_t)value}};
    unsigned char *der = NULL;
    int len = i2d_ASN1_TYPE(&any, &der);
    o->failed |= len <= 0;
    add_text(o, "#");
    for (int i = 0; i < len; i++) {
        char pair[3];
        snprintf(pair, sizeof pair, "%02x", der[i]);
        add(o, pair, 2);
    }
    OPENSSL_free(der);
}

static bool space(unsigned char c)
{
    return c == ' ' || c == '\r';
}

static void add_escaped(struct out *o, const unsigned char *p, size_t n)
{
    size_t lead = 0, trail = n;
    while (lead < n && space(p[lead]))
        lead++;
    while (trail > 0 && space(p[trail - 1]))
        trail--;
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\0') {
            add(o, "\\00", 3);
            continue;
        }
        if (strchr(",=+<>#;\"\\", p[i]) != NULL || i < lead || i >= trail)
            add(o, "\\", 1);
        add(o, (const char *)p + i, 1);
    }
}

static void add_part(struct out *o, const X509_NAME_ENTRY *entry)
{
    char oid[128];
    const ASN1_OBJECT *type = X509_NAME_ENTRY_get_object(entry);
    const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
    const char *word = keyword(type);
    if (word == NULL) {
        o->failed |= OBJ_obj2txt(oid, sizeof oid, type, 1) >= (int)sizeof oid;
        word = oid;
    }
    add_text(o, word);
    add_text(o, "=");
    unsigned char *utf8 = NULL;
    int len = word != oid && is_text(value) ? ASN1_STRING_to_UTF8(&utf8, value) : -1;
    if (len >= 0)
        add_escaped(o, utf8, (size_t)len);
    else
        add_bytes(o, value);
    OPENSSL_free(utf8);
}

/* The first entry of the part that ends with the one at `last`. */
static int first_of(const X509_NAME *name, int last)
{
    int first = last;
    int set = X509_NAME_ENTRY_set(X509_NAME_get_entry(name, last));
    while (first > 0 && X509_NAME_ENTRY_set(X509_NAME_get_entry(name, first - 1)) == set)
        first--;
    return first;
}

char *pk_tls_name_text(const X509_NAME *name)
{
    struct out o = {NULL, 0, 0, false};
    add_text(&o, "");
    for (int last = X509_NAME_entry_count(name) - 1; last >= 0;) {
        int first = first_of(name, last);
        for (int i = first; i <= last; i++) {
            add_text(&o, i > first ? "+" : o.len > 0 ? "," : "");
            add_part(&o, X509_NAME_get_entry(name, i));
        }
        last = first - 1;
    }
    if (!o.failed)
        return o.text;
    free(o.text);
    return NULL;
}
