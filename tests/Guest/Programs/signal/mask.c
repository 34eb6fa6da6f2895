/* sigprocmask(2), sigpending(2), sigsuspend(2). */
#include "check.h"

static volatile sig_atomic_t order[8], arrived;

static void note(int signal)
{
    order[arrived++ & 7] = signal;
}

int main(void)
{
    sigset_t set, old, pending;
    struct sigaction action = { .sa_handler = note };
    int used[] = { SIGUSR1, SIGUSR2, SIGTERM, SIGALRM };
    for (int i = 0; i < 4; i++)
        sigaction(used[i], &action, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGTERM);
    RETURNS(0, sigprocmask(SIG_BLOCK, &set, &old));
    CHECK(sigismember(&old, SIGUSR1) == 0);
    raise(SIGUSR1);
    raise(SIGUSR1);
    RETURNS(0, arrived);
    RETURNS(0, sigpending(&pending));
    CHECK(sigismember(&pending, SIGUSR1) == 1 && sigismember(&pending, SIGTERM) == 0);
    RETURNS(0, sigprocmask(SIG_UNBLOCK, &set, NULL));
    RETURNS(1, arrived); /* standard signals do not queue, and it came before the call returned */
    RETURNS(0, sigpending(&pending));
    CHECK(sigismember(&pending, SIGUSR1) == 0);
    RETURNS(0, sigprocmask(SIG_SETMASK, &set, &old));
    RETURNS(0, sigprocmask(SIG_SETMASK, NULL, &old));
    CHECK(sigismember(&old, SIGTERM) == 1);
    FAILS(EINVAL, sigprocmask(99, &set, NULL));
    FAILS(EINVAL, syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 4));
    FAILS(EFAULT, syscall(SYS_rt_sigprocmask, SIG_BLOCK, 8, NULL, 8));

    /* KILL and STOP cannot be blocked. */
    sigfillset(&set);
    RETURNS(0, sigprocmask(SIG_SETMASK, &set, NULL));
    RETURNS(0, sigprocmask(SIG_BLOCK, NULL, &old));
    CHECK(sigismember(&old, SIGKILL) == 0 && sigismember(&old, SIGSTOP) == 0 && sigismember(&old, SIGHUP) == 1);

    /* sigsuspend: open, wait, close again. */
    arrived = 0;
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        sleep_ms(20);
        _exit(kill(parent, SIGUSR2) != 0);
    }
    sigdelset(&set, SIGUSR2);
    FAILS(EINTR, sigsuspend(&set));
    CHECK(arrived == 1 && order[0] == SIGUSR2);
    sigprocmask(SIG_BLOCK, NULL, &old);
    CHECK(sigismember(&old, SIGUSR2) == 1);
    CHILD_OK(child);

    /* A child of fork inherits the mask, not the pending signals. */
    raise(SIGUSR1);
    IN_CHILD({
        sigpending(&pending);
        CHECK(sigismember(&pending, SIGUSR1) == 0);
        sigprocmask(SIG_BLOCK, NULL, &old);
        CHECK(sigismember(&old, SIGUSR1) == 1);
    });
    /* Ignoring a pending signal throws it away. */
    signal(SIGUSR1, SIG_IGN);
    sigpending(&pending);
    CHECK(sigismember(&pending, SIGUSR1) == 0);
    return done();
}
