/* signal(7): which calls restart with SA_RESTART, which end with EINTR, what a partial transfer answers. */
#include "check.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static volatile int alarms;
static int feed = -1;

static void on_alarm(int signal)
{
    alarms++;
    if (feed >= 0 && write(feed, "x", 1) != 1)
        alarms = 1000;
}

static void arm(int flags, int feeder)
{
    struct sigaction action = { .sa_handler = on_alarm, .sa_flags = flags };
    sigaction(SIGALRM, &action, NULL);
    feed = feeder;
    alarms = 0;
    ualarm(20000, 0);
}

int main(void)
{
    char buffer[200000];
    int ends[2], status;
    RETURNS(0, pipe(ends));

    arm(0, -1);
    FAILS(EINTR, read(ends[0], buffer, 1));
    RETURNS(1, alarms);
    arm(SA_RESTART, ends[1]); /* the handler feeds the call that is restarted */
    RETURNS(1, read(ends[0], buffer, 1));
    RETURNS(1, alarms);

    /* wait4: the child ends when the second handler lets it, however slow the machine is. */
    int gate[2];
    RETURNS(0, pipe(gate));
    pid_t child = fork();
    if (child == 0)
        _exit(read(gate[0], buffer, 1) != 1);
    arm(0, -1);
    FAILS(EINTR, waitpid(child, &status, 0));
    arm(SA_RESTART, gate[1]);
    RETURNS(child, waitpid(child, &status, 0));
    RETURNS(1, alarms);

    /* nanosleep never restarts after a handler and tells what was left. */
    struct timespec time = { 5, 0 }, left = { 0, 0 };
    arm(SA_RESTART, -1);
    FAILS(EINTR, nanosleep(&time, &left));
    CHECK(left.tv_sec == 4 && left.tv_nsec > 0);
    arm(SA_RESTART, -1);
    RETURNS(EINTR, clock_nanosleep(CLOCK_MONOTONIC, 0, &time, &left));
    RETURNS(4, left.tv_sec);
    arm(SA_RESTART, -1);
    FAILS(EINTR, pause());
    struct pollfd poller = { ends[0], POLLIN, 0 };
    arm(SA_RESTART, -1);
    FAILS(EINTR, poll(&poller, 1, -1));
    int epoll = OK(epoll_create1(0));
    struct epoll_event event;
    arm(SA_RESTART, -1);
    FAILS(EINTR, epoll_wait(epoll, &event, 1, -1));

    /* A partial write answers what it has moved. */
    arm(0, -1);
    long moved = OK(write(ends[1], buffer, sizeof buffer));
    RETURNS(65536, moved);
    arm(SA_RESTART, -1);
    RETURNS(65536, read(ends[0], buffer, sizeof buffer));
    sleep_ms(30);

    /* Sockets: restarted, but not with a receive timeout. */
    int pair[2];
    RETURNS(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    arm(SA_RESTART, pair[1]);
    RETURNS(1, recv(pair[0], buffer, 1, 0));
    struct timeval limit = { 5, 0 };
    RETURNS(0, setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
    arm(SA_RESTART, -1);
    FAILS(EINTR, recv(pair[0], buffer, 1, 0));

    /* A default-ignored or ignored signal does not wake anyone. */
    signal(SIGALRM, SIG_IGN);
    ualarm(10000, 0);
    time.tv_sec = 0;
    time.tv_nsec = 40000000;
    int64_t start = now_ms();
    RETURNS(0, nanosleep(&time, NULL));
    CHECK(now_ms() - start >= 39);
    return done();
}
