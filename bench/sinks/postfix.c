/* Postfix's sendmail with a configuration of our own; the servers give it no environment to choose one by. */
#include <unistd.h>

int main(int argc, char **argv)
{
    char *environment[] = {CONFIGURATION, "PATH=/usr/bin:/bin", NULL};
    (void)argc;
    execve(PROGRAM, argv, environment);
    return 75;
}
