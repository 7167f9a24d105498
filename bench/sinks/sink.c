/* The program that every server runs: reads its stdin to the end and exits 0. With -DTO_FILE it stores what it reads in a new file of the
 * folder SINK_DIR (a macro) and syncs it first. Linked statically: as little exec as there can be. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static char buffer[256 * 1024];

int main(void)
{
    ssize_t n;
#ifdef TO_FILE
    char path[256];
    int file;
    snprintf(path, sizeof path, SINK_DIR "/%ld", (long)getpid());
    if ((file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) < 0)
        return 75;
#endif
    while ((n = read(0, buffer, sizeof buffer)) > 0) {
#ifdef TO_FILE
        if (write(file, buffer, (size_t)n) != n)
            return 75;
#endif
    }
#ifdef TO_FILE
    if (fsync(file) != 0 || unlink(path) != 0)
        return 75;
#endif
    return n == 0 ? 0 : 74;
}
