/* poll(2), ppoll(2), select(2), pselect(2). */
#include "check.h"
#include <poll.h>
#include <sys/select.h>

static volatile int alarms;

static void on_alarm(int signal)
{
    alarms++;
}

int main(void)
{
    int ends[2];
    char byte;
    RETURNS(0, pipe(ends));
    struct pollfd set[3] = { { ends[0], POLLIN, 0 }, { ends[1], POLLOUT, 0 }, { -1, POLLIN, 77 } };
    RETURNS(1, poll(set, 3, 0));
    CHECK(set[0].revents == 0 && set[1].revents == POLLOUT && set[2].revents == 0);
    RETURNS(1, write(ends[1], "x", 1));
    RETURNS(2, poll(set, 3, -1));
    RETURNS(POLLIN, set[0].revents);
    RETURNS(1, read(ends[0], &byte, 1));
    struct pollfd bad = { 999, POLLIN, 0 };
    RETURNS(1, poll(&bad, 1, 0));
    RETURNS(POLLNVAL, bad.revents);
    int64_t start = now_ms();
    RETURNS(0, poll(set, 1, 40));
    CHECK(now_ms() - start >= 39);
    RETURNS(0, poll(NULL, 0, 5));
    close(ends[1]);
    RETURNS(1, poll(set, 1, 1000));
    RETURNS(POLLHUP, set[0].revents);
    close(ends[0]);
    RETURNS(0, pipe(ends));
    close(ends[0]);
    struct pollfd broken = { ends[1], POLLOUT, 0 };
    RETURNS(1, poll(&broken, 1, 0));
    RETURNS(POLLOUT | POLLERR, broken.revents);
    close(ends[1]);

    /* Regular files are always ready. */
    make_file("f", "");
    struct pollfd file = { open("f", O_RDWR), POLLIN | POLLOUT, 0 };
    RETURNS(1, poll(&file, 1, 0));
    RETURNS(POLLIN | POLLOUT, file.revents);

    /* select */
    RETURNS(0, pipe(ends));
    fd_set reads, writes;
    FD_ZERO(&reads);
    FD_ZERO(&writes);
    FD_SET(ends[0], &reads);
    FD_SET(ends[1], &writes);
    struct timeval none = { 0, 0 };
    RETURNS(1, select(ends[1] + 1, &reads, &writes, NULL, &none));
    CHECK(!FD_ISSET(ends[0], &reads) && FD_ISSET(ends[1], &writes));
    FD_SET(ends[0], &reads);
    struct timeval wait = { 0, 30000 };
    start = now_ms();
    RETURNS(0, select(ends[0] + 1, &reads, NULL, NULL, &wait));
    CHECK(now_ms() - start >= 29);
    CHECK(wait.tv_sec == 0 && wait.tv_usec == 0); /* Linux leaves what remained */
    FD_ZERO(&reads);
    FD_SET(40, &reads);
    FAILS(EBADF, select(41, &reads, NULL, NULL, &none));
    FAILS(EINVAL, select(-1, NULL, NULL, NULL, &none));
    pid_t child = fork();
    if (child == 0) {
        sleep_ms(20);
        _exit(write(ends[1], "y", 1) != 1);
    }
    FD_ZERO(&reads);
    FD_SET(ends[0], &reads);
    RETURNS(1, select(ends[0] + 1, &reads, NULL, NULL, NULL));
    CHILD_OK(child);
    RETURNS(1, read(ends[0], &byte, 1));

    /* A signal ends the wait; ppoll opens the mask only while it waits. */
    struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
    sigaction(SIGALRM, &action, NULL);
    set[0].fd = ends[0];
    ualarm(30000, 0);
    FAILS(EINTR, poll(set, 1, 5000)); /* never restarted */
    RETURNS(1, alarms);
    sigset_t blocked, open;
    sigemptyset(&open);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGALRM);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    raise(SIGALRM);
    RETURNS(1, alarms);
    struct timespec limit = { 5, 0 };
    FAILS(EINTR, ppoll(set, 1, &limit, &open));
    RETURNS(2, alarms);
    raise(SIGALRM);
    RETURNS(2, alarms);
    FD_ZERO(&reads);
    FD_SET(ends[0], &reads);
    FAILS(EINTR, pselect(ends[0] + 1, &reads, NULL, NULL, &limit, &open));
    RETURNS(3, alarms);
    limit.tv_nsec = -1;
    FAILS(EINVAL, ppoll(set, 1, &limit, NULL));
    return done();
}
