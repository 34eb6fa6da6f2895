/* pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2), CLONE_PIDFD. */
#include "check.h"
#include <poll.h>
#include <sched.h>
#include <sys/syscall.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static int pidfd_open(pid_t pid, unsigned flags)
{
    return syscall(SYS_pidfd_open, pid, flags);
}

static int ready(int fd)
{
    struct pollfd entry = { fd, POLLIN, 0 };
    return poll(&entry, 1, 0);
}

int main(void)
{
    pid_t gone = fork();
    if (gone == 0)
        _exit(0);
    CHILD_OK(gone);
    FAILS(ESRCH, pidfd_open(gone, 0));
    FAILS(EINVAL, pidfd_open(0, 0));
    FAILS(EINVAL, pidfd_open(getpid(), 1));
    int self = OK(pidfd_open(getpid(), 0));
    RETURNS(FD_CLOEXEC, fcntl(self, F_GETFD));
    RETURNS(0, syscall(SYS_pidfd_send_signal, self, 0, NULL, 0));
    FAILS(EBADF, syscall(SYS_pidfd_send_signal, 0x7000, 0, NULL, 0));

    int pipe_ends[2];
    RETURNS(0, pipe(pipe_ends));
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    int fd = OK(pidfd_open(child, 0));
    RETURNS(0, ready(fd));
    int taken = OK(syscall(SYS_pidfd_getfd, fd, pipe_ends[1], 0));
    RETURNS(1, write(taken, "x", 1));
    FAILS(EBADF, syscall(SYS_pidfd_getfd, fd, 999, 0));
    RETURNS(0, syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0));
    struct pollfd entry = { fd, POLLIN, 0 };
    RETURNS(1, poll(&entry, 1, 5000));
    CHECK(entry.revents & POLLIN);
    siginfo_t info = { 0 };
    RETURNS(0, waitid(P_PIDFD, fd, &info, WEXITED));
    CHECK(info.si_pid == child && info.si_status == SIGTERM);
    FAILS(ESRCH, syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));

    int made = -1;
    child = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &made, 0, 0);
    if (child == 0)
        _exit(3);
    CHECK(made >= 0);
    entry.fd = made;
    RETURNS(1, poll(&entry, 1, 5000));
    int status;
    RETURNS(child, waitpid(child, &status, 0));
    RETURNS(3, WEXITSTATUS(status));
    return done();
}
