/* The least a delivery agent can do: open a database through APR DBD, insert one row, close it.
 *
 *     dsn_floor DRIVER PARAMS VALUE
 */
#include <apr_dbd.h>
#include <apr_general.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    const apr_dbd_driver_t *driver;
    apr_dbd_t *handle;
    apr_dbd_prepared_t *statement = NULL;
    apr_pool_t *pool;
    const char *values[1];
    const char *error = NULL;
    int rows;

    if (argc != 4) {
        fprintf(stderr, "usage: dsn_floor DRIVER PARAMS VALUE\n");
        return 64;
    }
    apr_initialize();
    apr_pool_create(&pool, NULL);
    if (apr_dbd_init(pool) || apr_dbd_get_driver(pool, argv[1], &driver)
        || apr_dbd_open_ex(driver, pool, argv[2], &handle, &error)) {
        fprintf(stderr, "dsn_floor: %s\n", error ? error : "no driver");
        return 75;
    }
    values[0] = argv[3];
    if (apr_dbd_prepare(driver, pool, handle, "INSERT INTO floor (value) VALUES (%s)", NULL, &statement)
        || apr_dbd_pquery(driver, pool, handle, &rows, statement, 1, values)) {
        fprintf(stderr, "dsn_floor: %s\n", apr_dbd_error(driver, handle, 0));
        return 75;
    }
    apr_dbd_close(driver, handle);
    return 0;
}
