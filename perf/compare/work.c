/*
 * The work that is measured natively and in every runtime: one number per line, nanoseconds per operation, the median of
 * several short rounds. `work NAME…` measures only these; `work exit` does nothing (for the cost of fork+exec);
 * `work files FOLDER` see files.c.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "work.h"

#define ROUNDS 9

static int file, ends[2], back[2], local[2], tcp[2];
static char buffer[4096];
static char self[512]; /* our own path, for fork+exec */

void stop(const char *what)
{
    perror(what);
    exit(1);
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static void do_getpid(void)
{
    syscall(SYS_getpid);
}

static void do_pread(void)
{
    if (pread(file, buffer, 4096, 0) != 4096)
        stop("pread");
}

static void do_stat(void)
{
    struct stat st;
    if (stat("/tmp/compare-file", &st) != 0)
        stop("stat");
}

static void do_open_close(void)
{
    int fd = open("/tmp/compare-file", O_RDONLY);
    if (fd < 0)
        stop("open");
    close(fd);
}

static void do_pipe(void)
{
    if (write(ends[1], buffer, 64) != 64 || read(ends[0], buffer, 64) != 64)
        stop("pipe");
}

static void do_ping_pong(void)
{
    if (write(ends[1], buffer, 1) != 1 || read(back[0], buffer, 1) != 1)
        stop("ping-pong");
}

static void do_map(void)
{
    char *page = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        stop("mmap");
    page[0] = page[4096] = page[8192] = page[12288] = 1;
    munmap(page, 16384);
}

static void do_fault(void)
{
    enum { PAGES = 4096 };
    static char *area;
    static int next = PAGES;
    if (next == PAGES) {
        if (area)
            munmap(area, PAGES * 4096l);
        area = mmap(NULL, PAGES * 4096l, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        madvise(area, PAGES * 4096l, MADV_NOHUGEPAGE);
        next = 0;
    }
    area[next++ * 4096l] = 1;
}

static void do_fork(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    if (child < 0 || waitpid(child, NULL, 0) != child)
        stop("fork");
}

static void do_fork_exec(void)
{
    pid_t child = fork();
    if (child == 0) {
        execl(self, self, "exit", NULL);
        _exit(127);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        stop("exec");
}

static void echo(int fd)
{
    if (write(fd, buffer, 1) != 1 || read(fd, buffer, 1) != 1)
        stop("echo");
}

static void do_unix_ping_pong(void)
{
    echo(local[0]);
}

static void do_tcp_ping_pong(void)
{
    echo(tcp[0]);
}

/* A child that sends back each byte it gets, until the end. */
static pid_t start_partner(int in, int out, int ours, int ours_too)
{
    pid_t child = fork();
    if (child == 0) {
        close(ours); /* or it would wait for itself */
        close(ours_too);
        while (read(in, buffer, 1) == 1 && write(out, buffer, 1) == 1)
            ;
        _exit(0);
    }
    return child;
}

static void connect_loopback(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (listener < 0 || bind(listener, (void *)&address, length) != 0 || listen(listener, 1) != 0
        || getsockname(listener, (void *)&address, &length) != 0)
        stop("listen");
    tcp[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(tcp[0], (void *)&address, length) != 0)
        stop("connect");
    tcp[1] = accept(listener, NULL, NULL);
    if (tcp[1] < 0)
        stop("accept");
    close(listener);
    setsockopt(tcp[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(tcp[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* The other side of the ping-pongs. */
static pid_t partner_of(void (*work)(void))
{
    if (work == do_ping_pong)
        return start_partner(ends[0], back[1], ends[1], back[0]);
    if (work == do_unix_ping_pong) {
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, local) != 0)
            stop("socketpair");
        return start_partner(local[1], local[1], local[0], -1);
    }
    if (work != do_tcp_ping_pong)
        return 0;
    connect_loopback();
    return start_partner(tcp[1], tcp[1], tcp[0], -1);
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void measure(const char *name, void (*work)(void), long milliseconds)
{
    double rounds[ROUNDS];
    long count = 1;
    for (;;) { /* how often fits into a round */
        int64_t start = now();
        for (long i = 0; i < count; i++)
            work();
        int64_t took = now() - start;
        if (took > milliseconds * 200000 || count > 1 << 22) {
            count = count * (milliseconds * 1000000.0 / (took + 1)) + 1;
            break;
        }
        count *= 4;
    }
    for (int round = 0; round < ROUNDS; round++) {
        int64_t start = now();
        for (long i = 0; i < count; i++)
            work();
        rounds[round] = (double)(now() - start) / count;
    }
    qsort(rounds, ROUNDS, sizeof *rounds, compare);
    printf("%s %.0f\n", name, rounds[ROUNDS / 2]);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "exit") == 0)
        return 0;
    if (argc > 2 && strcmp(argv[1], "files") == 0) {
        files(argv[2]);
        return 0;
    }
    static const struct {
        const char *name;
        void (*work)(void);
        long milliseconds;
    } all[] = {
        { "getpid", do_getpid, 20 }, { "pread_4K", do_pread, 20 }, { "stat", do_stat, 20 }, { "open_close", do_open_close, 20 },
        { "pipe_write_read", do_pipe, 20 }, { "mmap_touch_munmap", do_map, 20 }, { "page_fault", do_fault, 20 },
        { "fork_exit_wait", do_fork, 40 }, { "fork_exec_wait", do_fork_exec, 40 }, { "pipe_ping_pong", do_ping_pong, 30 },
        { "unix_ping_pong", do_unix_ping_pong, 30 }, { "tcp_ping_pong", do_tcp_ping_pong, 30 },
    };
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
        stop("/proc/self/exe");
    file = open("/tmp/compare-file", O_RDWR | O_CREAT, 0644);
    if (file < 0 || write(file, buffer, 4096) != 4096 || pipe(ends) != 0 || pipe(back) != 0)
        stop("set-up");
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
        int wanted = argc == 1;
        for (int j = 1; j < argc; j++)
            wanted |= strcmp(argv[j], all[i].name) == 0;
        if (!wanted)
            continue;
        pid_t partner = partner_of(all[i].work);
        measure(all[i].name, all[i].work, all[i].milliseconds);
        if (partner > 0) {
            kill(partner, SIGKILL);
            waitpid(partner, NULL, 0);
        }
    }
    return 0;
}
