/* What no module of httpd's own does to a handler, and some module may: an input filter (SetInputFilter STRANGE) that ends a body in
   the way the field X-Way names, a handler that posts its own request to /mail as a sub-request, and error pages that stay POST. */

#include "httpd.h"
#include "http_config.h"
#include "http_protocol.h"
#include "http_request.h"
#include "util_filter.h"
#include <string.h>

static apr_status_t fail(apr_bucket *bucket, const char **octets, apr_size_t *length, apr_read_type_e wait)
{
    return APR_EGENERAL;
}

static const apr_bucket_type_t UNREADABLE = {
    "UNREADABLE", 5, APR_BUCKET_DATA, apr_bucket_destroy_noop, fail,
    apr_bucket_setaside_notimpl, apr_bucket_split_notimpl, apr_bucket_copy_notimpl
};

static apr_bucket *unreadable(apr_bucket_alloc_t *list)
{
    apr_bucket *bucket = apr_bucket_alloc(sizeof(*bucket), list);
    APR_BUCKET_INIT(bucket);
    bucket->free = apr_bucket_free;
    bucket->list = list;
    bucket->type = &UNREADABLE;
    bucket->length = 10;
    bucket->start = 0;
    bucket->data = NULL;
    return bucket;
}

/* The first piece of a body; then its wrong end, with an end of stream behind it for who overlooks that. */
static apr_status_t strange(ap_filter_t *filter, apr_bucket_brigade *brigade, ap_input_mode_t mode,
                            apr_read_type_e wait, apr_off_t octets)
{
    apr_bucket_alloc_t *list = filter->c->bucket_alloc;
    const char *way = apr_table_get(filter->r->headers_in, "X-Way");
    apr_size_t calls = (apr_size_t)filter->ctx;
    filter->ctx = (void *)(calls + 1);
    if (calls == 0) {
        APR_BRIGADE_INSERT_TAIL(brigade, apr_bucket_heap_create("half a ", 7, NULL, list));
        return APR_SUCCESS;
    }
    if (calls == 1 && !strcmp(way, "nothing"))
        return APR_SUCCESS;
    if (!strcmp(way, "status"))
        return APR_EGENERAL;
    if (!strcmp(way, "error"))
        APR_BRIGADE_INSERT_TAIL(brigade, ap_bucket_error_create(HTTP_BAD_REQUEST, NULL, filter->r->pool, list));
    if (!strcmp(way, "unreadable"))
        APR_BRIGADE_INSERT_TAIL(brigade, unreadable(list));
    APR_BRIGADE_INSERT_TAIL(brigade, apr_bucket_heap_create("message\n", 8, NULL, list));
    APR_BRIGADE_INSERT_TAIL(brigade, apr_bucket_eos_create(list));
    return APR_SUCCESS;
}

static int post_again(request_rec *request)
{
    request_rec *part;
    int outcome;
    if (!request->handler || strcmp(request->handler, "post-again"))
        return DECLINED;
    part = ap_sub_req_method_uri("POST", "/mail", request, request->output_filters);
    outcome = ap_run_sub_req(part);
    ap_rprintf(request, "the part: %s %d\n", part->method, outcome);
    ap_destroy_sub_req(part);
    return OK;
}

/* httpd makes the request for an error page a GET. */
static int stay_post(request_rec *request)
{
    if (request->prev && request->prev->status != HTTP_OK) {
        request->method = "POST";
        request->method_number = M_POST;
    }
    return DECLINED;
}

static void hooks(apr_pool_t *pool)
{
    ap_register_input_filter("STRANGE", strange, NULL, AP_FTYPE_RESOURCE);
    ap_hook_handler(post_again, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_fixups(stay_post, NULL, NULL, APR_HOOK_MIDDLE);
}

module AP_MODULE_DECLARE_DATA strange_module = { STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, hooks };
