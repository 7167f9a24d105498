/* The least that a handler in C can do: To, From and Subject of the request and its body, as they come, into a pipe to the program that
 * PipeProgram names. Nothing is checked, encoded, kept, timed or logged; what the program says goes to httpd's own stderr. */
#include "ap_config.h"
#include "httpd.h"
#include "http_config.h"
#include "http_protocol.h"
#include "apr_strings.h"
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

module AP_MODULE_DECLARE_DATA pipe_module;

static const char *program;

static int write_all(int fd, const char *octets, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, octets, length);
        if (n < 0 && errno != EINTR)
            return -1;
        octets += n > 0 ? n : 0;
        length -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int body_to(request_rec *r, int fd)
{
    apr_bucket_brigade *brigade = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    for (;;) {
        if (ap_get_brigade(r->input_filters, brigade, AP_MODE_READBYTES, APR_BLOCK_READ, 65536) != APR_SUCCESS)
            return -1;
        for (apr_bucket *b = APR_BRIGADE_FIRST(brigade); b != APR_BRIGADE_SENTINEL(brigade); b = APR_BUCKET_NEXT(b)) {
            const char *octets;
            apr_size_t length;
            if (APR_BUCKET_IS_EOS(b))
                return 0;
            if (APR_BUCKET_IS_METADATA(b))
                continue;
            if (apr_bucket_read(b, &octets, &length, APR_BLOCK_READ) != APR_SUCCESS || write_all(fd, octets, length) != 0)
                return -1;
        }
        apr_brigade_cleanup(brigade);
    }
}

static pid_t start(int in)
{
    char *words[] = {(char *)program, "-t", "-i", NULL}, *environment[] = {"PATH=/usr/bin:/bin", "LANG=C", NULL};
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    sigset_t none, all;
    pid_t pid;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, 0);
    if (posix_spawn(&pid, program, &actions, &attributes, words, environment) != 0)
        pid = -1;
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return pid;
}

static int handler(request_rec *r)
{
    if (!r->handler || strcmp(r->handler, "pipe"))
        return DECLINED;
    const char *to = apr_table_get(r->headers_in, "To"), *from = apr_table_get(r->headers_in, "From");
    const char *subject = apr_table_get(r->headers_in, "Subject");
    int in[2], status = -1;
    if (!to || !from || !subject)
        return HTTP_BAD_REQUEST;
    if (pipe2(in, O_CLOEXEC) != 0)
        return HTTP_INTERNAL_SERVER_ERROR;
    pid_t pid = start(in[0]);
    close(in[0]);
    char *header = apr_psprintf(r->pool, "To: %s\nFrom: %s\nSubject: %s\n\n", to, from, subject);
    int broken = pid < 0 || write_all(in[1], header, strlen(header)) != 0 || body_to(r, in[1]) != 0;
    close(in[1]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (broken || status != 0)
        return HTTP_INTERNAL_SERVER_ERROR;
    r->status = HTTP_ACCEPTED;
    ap_set_content_type(r, "text/plain");
    ap_rputs("accepted\n", r);
    return OK;
}

static const char *set_program(cmd_parms *cmd, void *unused, const char *path)
{
    (void)unused;
    program = apr_pstrdup(cmd->pool, path);
    return NULL;
}

static const command_rec commands[] = {AP_INIT_TAKE1("PipeProgram", set_program, NULL, RSRC_CONF, "the program"), {NULL}};

static void hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_handler(handler, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(pipe) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, commands, hooks};
