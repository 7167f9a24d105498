/* The floor of a status page: a handler that looks one row up through mod_dbd and writes it. */
#include "httpd.h"
#include "http_config.h"
#include "http_protocol.h"
#include "apr_optional.h"
#include "apr_dbd.h"
#include "mod_dbd.h"

static const char *const QUERY = "SELECT address, state FROM recipient WHERE address = %s";

static int lookup(request_rec *r)
{
    apr_dbd_results_t *results = NULL;
    apr_dbd_row_t *row = NULL;
    apr_dbd_prepared_t *statement = NULL;
    const char *arguments[1];
    APR_OPTIONAL_FN_TYPE(ap_dbd_acquire) *acquire = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_acquire);
    ap_dbd_t *dbd;

    if (!r->handler || strcmp(r->handler, "dbd-lookup")) {
        return DECLINED;
    }
    dbd = acquire ? acquire(r) : NULL;
    if (!dbd) {
        return HTTP_SERVICE_UNAVAILABLE;
    }
    statement = apr_hash_get(dbd->prepared, "floor", APR_HASH_KEY_STRING);
    if (!statement) {
        if (apr_dbd_prepare(dbd->driver, dbd->pool, dbd->handle, QUERY, "floor", &statement)) {
            return HTTP_INTERNAL_SERVER_ERROR;
        }
        apr_hash_set(dbd->prepared, "floor", APR_HASH_KEY_STRING, statement);
    }
    arguments[0] = r->args ? r->args : "";
    if (apr_dbd_pselect(dbd->driver, r->pool, dbd->handle, &results, statement, 1, 1, arguments)) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    ap_set_content_type(r, "text/plain");
    while (apr_dbd_get_row(dbd->driver, r->pool, results, &row, -1) == 0) {
        ap_rprintf(r, "%s %s\n", apr_dbd_get_entry(dbd->driver, row, 0), apr_dbd_get_entry(dbd->driver, row, 1));
    }
    return OK;
}

static void hooks(apr_pool_t *pool)
{
    ap_hook_handler(lookup, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(dbd_lookup) = { STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, hooks };
