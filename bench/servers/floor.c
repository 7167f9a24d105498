/* floor PROGRAM THREADS OCTETS SECONDS: what a hand-over costs that does nothing else. Each thread starts PROGRAM with the attributes that
 * mod_sendmail gives it, two output pipes and a pidfd, and a pipe with OCTETS octets on its stdin: written before the start while they
 * fit, else after it. One line out: messages, microseconds of CPU with children, p50 and p99 in microseconds, errors. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FITS = 65536, MOST = 1 << 20 };
#define HEADER "To: alice@test.local\nFrom: user@test.local\nSubject: a report\n\n"

static const char *program;
static long octets;
static double until;
static char *body;
static long done, failed;
static double took[MOST];
static pthread_mutex_t tally = PTHREAD_MUTEX_INITIALIZER;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static int push(int fd)
{
    long at = 0;
    while (at < octets) {
        ssize_t n = write(fd, body + at, (size_t)(octets - at));
        if (n <= 0)
            return -1;
        at += n;
    }
    return 0;
}

static int hand_over(void)
{
    char *words[] = {(char *)program, "-t", "-i", NULL}, *environment[] = {"PATH=/usr/bin:/bin", "LANG=C", NULL}, said[16384];
    int in[2], out[2], err[2], pidfd, early = octets <= FITS, status = -1;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    sigset_t none, all;
    pid_t pid;

    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
        return -1;
    if (early && push(in[1]))
        return -1;
    if (early)
        close(in[1]);
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_adddup2(&actions, err[1], 2);
    posix_spawn_file_actions_addchdir_np(&actions, "/");
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    if (posix_spawn(&pid, program, &actions, &attributes, words, environment) != 0)
        return -1;
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    close(in[0]), close(out[1]), close(err[1]);
    if (!early) {
        push(in[1]);
        close(in[1]);
    }
    struct pollfd watched[] = {{out[0], POLLIN, 0}, {err[0], POLLIN, 0}, {pidfd, POLLIN, 0}};
    while (watched[0].fd >= 0 || watched[1].fd >= 0 || watched[2].fd >= 0) {
        poll(watched, 3, 60000);
        for (int i = 0; i < 2; i++)
            if (watched[i].fd >= 0 && watched[i].revents && read(watched[i].fd, said, sizeof said) <= 0)
                watched[i].fd = -1;
        if (watched[2].fd >= 0 && watched[2].revents) {
            waitpid(pid, &status, 0);
            watched[2].fd = -1;
        }
    }
    close(out[0]), close(err[0]), close(pidfd);
    return status;
}

static void *work(void *unused)
{
    (void)unused;
    while (now() < until) {
        double begin = now();
        int status = hand_over();
        double end = now();
        pthread_mutex_lock(&tally);
        failed += status != 0;
        if (done < MOST)
            took[done++] = (end - begin) * 1e6;
        pthread_mutex_unlock(&tally);
    }
    return NULL;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double cpu(int who)
{
    struct rusage used;
    getrusage(who, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 + used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 64;
    program = argv[1];
    int threads = atoi(argv[2]);
    octets = atol(argv[3]);
    signal(SIGPIPE, SIG_IGN);
    body = malloc((size_t)octets + 1);
    memset(body, 'x', (size_t)octets);
    for (long at = 72; at < octets; at += 73)
        body[at] = '\n';
    memcpy(body, HEADER, octets < (long)strlen(HEADER) ? (size_t)octets : strlen(HEADER));
    pthread_t thread[256];
    double before = cpu(RUSAGE_SELF) + cpu(RUSAGE_CHILDREN), begin = now();
    until = begin + atof(argv[4]);
    for (int i = 0; i < threads && i < 256; i++)
        pthread_create(&thread[i], NULL, work, NULL);
    for (int i = 0; i < threads && i < 256; i++)
        pthread_join(thread[i], NULL);
    double wall = now() - begin, spent = cpu(RUSAGE_SELF) + cpu(RUSAGE_CHILDREN) - before;
    qsort(took, (size_t)done, sizeof *took, ascending);
    printf("%ld %.6f %.0f %.0f %ld %.0f\n", done, wall, done ? took[done / 2] : 0, done ? took[done * 99 / 100] : 0, failed, spent);
    return 0;
}
