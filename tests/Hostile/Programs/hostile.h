// Shared by the hostile guests: attempts in children that may die, hang or go mad, while the parent counts.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

// Where the platform keeps its own pages in every guest process; nothing of it shows in /proc/self/maps.
#define WINDOW 0x6FFF00000000UL
#define WINDOW_CODE (WINDOW + 0x10000)
#define WINDOW_DATA (WINDOW + 0x20000)
#define WINDOW_SLOTS (WINDOW + 0x30000)
#define SLOT_BYTES 0x8000

static int failures;

static void fail(const char *what, long value)
{
    printf("WRONG: %s (%ld, errno %d)\n", what, value, errno);
    failures++;
}

static long long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

// Runs f in a child of its own session, and kills it when its time is up. Its wait status, or -1 if it had to be killed.
static int attempt(void (*f)(void *), void *argument, int milliseconds)
{
    fflush(stdout);
    pid_t child = fork();
    if (child < 0)
        return -2;
    if (child == 0) {
        setsid();
        f(argument);
        _exit(0);
    }
    long long end = now_ms() + milliseconds;
    int status, killed = 0;
    for (;;) {
        pid_t got = waitpid(child, &status, WNOHANG);
        if (got == child)
            break;
        if (got < 0)
            return -2;
        if (now_ms() > end && !killed) {
            kill(-child, SIGKILL);
            kill(child, SIGKILL);
            killed = 1;
        }
        usleep(1000);
    }
    kill(-child, SIGKILL);
    return killed ? -1 : status;
}

// The usual end: the process still works as one.
static int finish(void)
{
    char *p = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        fail("mmap at the end", 0);
    else
        memset(p, 1, 65536);
    int fds[2];
    char c = 'x';
    if (pipe(fds) || write(fds[1], &c, 1) != 1 || read(fds[0], &c, 1) != 1)
        fail("pipe at the end", 0);
    if (getpid() <= 0)
        fail("getpid at the end", 0);
    puts(failures ? "FAILED" : "SURVIVED");
    return failures != 0;
}
