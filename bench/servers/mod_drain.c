/* httpd alone: takes the body to its end and answers. */
#include "ap_config.h"
#include "http_protocol.h"
#include "httpd.h"
#include "http_config.h"

static int drain(request_rec *r)
{
    if (!r->handler || strcmp(r->handler, "drain"))
        return DECLINED;
    int status = ap_discard_request_body(r);
    if (status != OK)
        return status;
    r->status = HTTP_ACCEPTED;
    ap_set_content_type(r, "text/plain");
    ap_rputs("accepted\n", r);
    return OK;
}

static void hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_handler(drain, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(drain) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, hooks};
