/* Functions for the macros of APR-util that bindgen cannot see. Only libapr and libaprutil are needed to link this file. */
#include "apr_buckets.h"

/* The first bucket of a brigade, NULL if it is empty: APR_BRIGADE_FIRST, APR_BRIGADE_SENTINEL. */
apr_bucket *apache_sys_brigade_first(apr_bucket_brigade *brigade)
{
    return APR_BRIGADE_EMPTY(brigade) ? NULL : APR_BRIGADE_FIRST(brigade);
}

int apache_sys_bucket_is_eos(const apr_bucket *bucket)
{
    return APR_BUCKET_IS_EOS(bucket);
}

int apache_sys_bucket_is_metadata(const apr_bucket *bucket)
{
    return APR_BUCKET_IS_METADATA(bucket);
}

apr_status_t apache_sys_bucket_read(apr_bucket *bucket, const char **data, apr_size_t *length)
{
    return apr_bucket_read(bucket, data, length, APR_BLOCK_READ);
}

void apache_sys_bucket_delete(apr_bucket *bucket)
{
    apr_bucket_delete(bucket);
}
