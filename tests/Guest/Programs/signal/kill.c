/* kill(2), tgkill(2): targets, errors, permission, default actions. */
#include "check.h"

static int ending(int signal)
{
    pid_t child = fork();
    if (child == 0) {
        raise(signal);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

int main(void)
{
    RETURNS(0, kill(getpid(), 0));
    FAILS(ESRCH, kill(99999, 0));
    FAILS(ESRCH, kill(99999, SIGTERM));
    FAILS(EINVAL, kill(getpid(), 65));
    FAILS(EINVAL, kill(getpid(), -1));
    FAILS(ESRCH, kill(-99999, SIGTERM));
    FAILS(EINVAL, syscall(SYS_tgkill, -1, getpid(), SIGTERM));
    FAILS(ESRCH, syscall(SYS_tgkill, getpid(), 99999, SIGTERM));
    RETURNS(0, syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), 0));
    FAILS(ESRCH, syscall(SYS_tkill, 99999, 0));

    /* Default actions: end, end with a core, ignore. */
    int ends[] = { SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGUSR1, SIGSEGV, SIGUSR2,
                   SIGPIPE, SIGALRM, SIGTERM, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO, SIGSYS, SIGRTMIN, SIGRTMAX };
    for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++)
        RETURNS(ends[i], ending(ends[i]));
    int ignored[] = { SIGCHLD, SIGURG, SIGWINCH, SIGCONT };
    for (unsigned i = 0; i < sizeof ignored / sizeof *ignored; i++)
        RETURNS(0, ending(ignored[i]));

    /* A zombie can be signalled; a reaped process is gone. */
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    siginfo_t info;
    RETURNS(0, waitid(P_PID, child, &info, WEXITED | WNOWAIT));
    RETURNS(0, kill(child, SIGTERM));
    CHILD_OK(child);
    FAILS(ESRCH, kill(child, 0));

    /* A whole group. */
    pid_t group = fork();
    if (group == 0) {
        setpgid(0, 0);
        for (int i = 0; i < 2; i++)
            if (fork() == 0)
                pause();
        pause();
        _exit(0);
    }
    setpgid(group, group);
    sleep_ms(50);
    RETURNS(0, kill(-group, SIGTERM));
    int status;
    RETURNS(group, waitpid(group, &status, 0));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);

    /* Permission: the same user, or CAP_KILL. */
    child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    IN_CHILD({
        RETURNS(0, setuid(1000));
        FAILS(EPERM, kill(child, SIGTERM));
        FAILS(EPERM, kill(child, 0));
        RETURNS(0, kill(getpid(), 0));
    });
    kill(child, SIGKILL);
    waitpid(child, &status, 0);

    /* An orphaned group member that is blocked in pause is killed by a real-time signal with data. */
    child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    union sigval value = { .sival_int = 1 };
    RETURNS(0, sigqueue(child, SIGRTMIN + 5, value));
    RETURNS(child, waitpid(child, &status, 0));
    RETURNS(SIGRTMIN + 5, WTERMSIG(status));
    return done();
}
