/* signalfd(2). */
#include "check.h"
#include <poll.h>
#include <sys/signalfd.h>

int main(void)
{
    struct signalfd_siginfo got[4];
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    sigaddset(&mask, SIGCHLD);
    RETURNS(0, sigprocmask(SIG_BLOCK, &mask, NULL));
    int fd = OK(signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC));
    FAILS(EAGAIN, read(fd, got, sizeof got));
    FAILS(EINVAL, read(fd, got, 10));
    RETURNS(0, kill(getpid(), SIGUSR1));
    RETURNS(0, kill(getpid(), SIGUSR1)); /* not queued twice */
    struct pollfd poller = { fd, POLLIN, 0 };
    RETURNS(1, poll(&poller, 1, 100));
    RETURNS(128, read(fd, got, sizeof got));
    CHECK(got[0].ssi_signo == SIGUSR1 && got[0].ssi_pid == (unsigned)getpid() && got[0].ssi_code == SI_USER);
    FAILS(EAGAIN, read(fd, got, sizeof got));

    pid_t child = fork();
    if (child == 0)
        _exit(7);
    RETURNS(1, poll(&poller, 1, 2000));
    RETURNS(128, read(fd, got, sizeof got));
    CHECK(got[0].ssi_signo == SIGCHLD && got[0].ssi_pid == (unsigned)child && got[0].ssi_status == 7);
    RETURNS(child, waitpid(child, NULL, 0));

    /* Changing the set of an existing one. */
    sigaddset(&mask, SIGUSR2);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    union sigval value = { .sival_int = 42 };
    RETURNS(0, sigqueue(getpid(), SIGUSR2, value));
    FAILS(EAGAIN, read(fd, got, sizeof got));
    RETURNS(fd, signalfd(fd, &mask, 0));
    RETURNS(128, read(fd, got, sizeof got));
    CHECK(got[0].ssi_signo == SIGUSR2 && got[0].ssi_int == 42 && got[0].ssi_code == SI_QUEUE);

    /* Real-time signals are queued, lowest number first. */
    sigemptyset(&mask);
    sigaddset(&mask, SIGRTMIN + 3);
    sigaddset(&mask, SIGRTMIN + 4);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    int real = OK(signalfd(-1, &mask, 0));
    for (int i = 0; i < 2; i++) {
        value.sival_int = i;
        RETURNS(0, sigqueue(getpid(), SIGRTMIN + 4, value));
        RETURNS(0, sigqueue(getpid(), SIGRTMIN + 3, value));
    }
    RETURNS(512, read(real, got, sizeof got));
    CHECK(got[0].ssi_signo == (unsigned)SIGRTMIN + 3 && got[0].ssi_int == 0);
    CHECK(got[1].ssi_signo == (unsigned)SIGRTMIN + 3 && got[1].ssi_int == 1);
    CHECK(got[3].ssi_signo == (unsigned)SIGRTMIN + 4 && got[3].ssi_int == 1);
    FAILS(EINVAL, signalfd(0, &mask, 0));
    return done();
}
