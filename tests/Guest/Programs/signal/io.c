/* Signal-driven input: FIOASYNC, O_ASYNC, F_SETOWN, F_SETOWN_EX, F_SETSIG (fcntl(2), socket(7)). */
#include "check.h"
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static int next_signal(siginfo_t *info, const sigset_t *set)
{
    struct timespec limit = { 20, 0 };
    return sigtimedwait(set, info, &limit);
}

int main(void)
{
    sigset_t set;
    siginfo_t info;
    sigemptyset(&set);
    sigaddset(&set, SIGIO);
    sigaddset(&set, SIGRTMIN + 2);
    sigprocmask(SIG_BLOCK, &set, NULL);

    /* As nginx does with the channel of a worker. */
    int pair[2], on = 1, owner = 0;
    RETURNS(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    RETURNS(0, ioctl(pair[0], FIOASYNC, &on));
    RETURNS(0, fcntl(pair[0], F_GETOWN));
    RETURNS(0, fcntl(pair[0], F_SETOWN, getpid()));
    RETURNS(getpid(), fcntl(pair[0], F_GETOWN));
    RETURNS(0, ioctl(pair[0], FIOGETOWN, &owner));
    RETURNS(getpid(), owner);
    CHECK(fcntl(pair[0], F_GETFL) & O_ASYNC);
    RETURNS(1, write(pair[1], "a", 1));
    RETURNS(SIGIO, next_signal(&info, &set));
    CHECK(info.si_code == SI_KERNEL);

    /* A signal of one's own says which descriptor it was and what happened. */
    RETURNS(0, fcntl(pair[0], F_SETSIG, SIGRTMIN + 2));
    RETURNS(SIGRTMIN + 2, fcntl(pair[0], F_GETSIG));
    RETURNS(1, write(pair[1], "b", 1));
    RETURNS(SIGRTMIN + 2, next_signal(&info, &set));
    CHECK(info.si_fd == pair[0] && info.si_code == POLL_IN && (info.si_band & 1));

    /* Off: nothing comes any more. What was under way may still come. */
    on = 0;
    RETURNS(0, ioctl(pair[0], FIOASYNC, &on));
    CHECK(!(fcntl(pair[0], F_GETFL) & O_ASYNC));
    struct timespec moment = { 0, 20000000 };
    while (sigtimedwait(&set, &info, &moment) > 0)
        continue;
    RETURNS(1, write(pair[1], "c", 1));
    FAILS(EAGAIN, sigtimedwait(&set, &info, &moment));

    /* A pipe, through F_SETFL, to a process group and to one thread. */
    int ends[2];
    RETURNS(0, pipe(ends));
    RETURNS(0, fcntl(ends[0], F_SETFL, O_ASYNC | O_NONBLOCK));
    setpgid(0, 0);
    RETURNS(0, fcntl(ends[0], F_SETOWN, -getpgrp()));
    struct f_owner_ex ex = { 0 };
    RETURNS(0, fcntl(ends[0], F_GETOWN_EX, &ex));
    CHECK(ex.type == F_OWNER_PGRP && ex.pid == getpgrp());
    RETURNS(1, write(ends[1], "d", 1));
    RETURNS(SIGIO, next_signal(&info, &set));
    ex.type = F_OWNER_TID;
    ex.pid = gettid();
    RETURNS(0, fcntl(ends[0], F_SETOWN_EX, &ex));
    RETURNS(1, write(ends[1], "e", 1));
    RETURNS(SIGIO, next_signal(&info, &set));

    /* Errors, and files that send no signals. */
    FAILS(ESRCH, fcntl(ends[0], F_SETOWN, 99999999));
    FAILS(EINVAL, fcntl(ends[0], F_SETSIG, 65));
    ex.type = 7;
    FAILS(EINVAL, fcntl(ends[0], F_SETOWN_EX, &ex));
    FAILS(EFAULT, fcntl(ends[0], F_GETOWN_EX, 8));
    int file = OK(open("file", O_RDWR | O_CREAT, 0600));
    on = 1;
    FAILS(ENOTTY, ioctl(file, FIOASYNC, &on));
    RETURNS(0, fcntl(file, F_SETFL, O_ASYNC));
    int event = OK(eventfd(0, 0));
    FAILS(ENOTTY, ioctl(event, FIOASYNC, &on));
    return done();
}
