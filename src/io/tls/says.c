/*
 * OpenSSL's own words. Happy path: the reason of its last error. Failure: it has no word for it.
 */
#include "io/tls/says.h"

#include <openssl/err.h>

const char *pk_tls_openssl_says(void)
{
    const char *text = "";
    unsigned long err = ERR_peek_last_error();
    if (err != 0 && ERR_reason_error_string(err) != NULL)
        text = ERR_reason_error_string(err);
    ERR_clear_error();
    return text;
}
