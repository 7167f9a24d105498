/* A CGI program as one writes it in C: the body into memory, the sink by posix_spawn, header and body into its stdin, its exit status. */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *field(const char *name)
{
    const char *value = getenv(name);
    return value ? value : "";
}

static int write_all(int fd, const char *from, size_t n)
{
    while (n > 0) {
        ssize_t written = write(fd, from, n);
        if (written <= 0)
            return -1;
        from += written, n -= (size_t)written;
    }
    return 0;
}

int main(void)
{
    size_t length = strtoul(field("CONTENT_LENGTH"), NULL, 10), at = 0;
    char *body = malloc(length + 1), header[4096], *words[] = {SINK, "-t", "-i", NULL}, *environment[] = {NULL};
    int in[2], status = -1;
    ssize_t n;
    pid_t pid;
    posix_spawn_file_actions_t actions;

    while (at < length && (n = read(0, body + at, length - at)) > 0)
        at += (size_t)n;
    if (at < length || pipe(in))
        goto broken;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_addclose(&actions, in[0]);
    posix_spawn_file_actions_addclose(&actions, in[1]);
    if (posix_spawn(&pid, SINK, &actions, NULL, words, environment))
        goto broken;
    close(in[0]);
    int head = snprintf(header, sizeof header, "To: %s\nFrom: %s\nSubject: %s\nContent-Type: %s\n\n", field("HTTP_TO"), field("HTTP_FROM"),
                        field("HTTP_SUBJECT"), field("CONTENT_TYPE"));
    int told = write_all(in[1], header, (size_t)head) || write_all(in[1], body, length);
    close(in[1]);
    if (waitpid(pid, &status, 0) != pid || status != 0 || told)
        goto broken;
    puts("Status: 202 Accepted\nContent-Type: text/plain\n\naccepted");
    return 0;
broken:
    puts("Status: 502 Bad Gateway\nContent-Type: text/plain\n\nnot accepted");
    return 0;
}
