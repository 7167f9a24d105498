/* Functions for the macros of httpd that bindgen cannot see. They refer to symbols that only httpd exports. */
#include "httpd.h"
#include "http_protocol.h"

/* The HTTP status that an error bucket carries (mod_reqtimeout, mod_http2 and the HTTP_IN filter send them), 0 for any other bucket. */
int apache_sys_error_bucket_status(const apr_bucket *bucket)
{
    return AP_BUCKET_IS_ERROR(bucket) ? ((ap_bucket_error *)bucket->data)->status : 0;
}
