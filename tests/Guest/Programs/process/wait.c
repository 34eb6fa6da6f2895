/* wait4(2), waitid(2): selection, options, statuses, rusage, orphans. */
#include "check.h"
#include <sys/prctl.h>
#include <sys/resource.h>

static pid_t child_that(int how, int value)
{
    pid_t child = fork();
    if (child != 0)
        return child;
    if (how == 1)
        raise(value);
    if (how == 2)
        pause();
    _exit(value);
}

int main(void)
{
    int status;
    siginfo_t info;
    struct rusage usage;
    FAILS(ECHILD, wait(NULL));
    FAILS(ECHILD, waitpid(1, NULL, WNOHANG));
    FAILS(EINVAL, waitpid(-1, NULL, 0x1000));
    FAILS(EINVAL, waitid(P_ALL, 0, &info, 0));

    pid_t child = child_that(0, 300 & 255);
    RETURNS(child, wait4(child, &status, 0, &usage));
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 44);
    CHECK(usage.ru_maxrss > 0);
    FAILS(ECHILD, waitpid(child, &status, 0));

    child = child_that(1, SIGABRT);
    RETURNS(child, wait(&status));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);

    child = child_that(2, 0);
    RETURNS(0, waitpid(child, &status, WNOHANG));
    memset(&info, 1, sizeof info);
    RETURNS(0, waitid(P_PID, child, &info, WEXITED | WNOHANG));
    CHECK(info.si_pid == 0 && info.si_signo == 0);
    kill(child, SIGKILL);
    RETURNS(0, waitid(P_PID, child, &info, WEXITED | WNOWAIT));
    CHECK(info.si_pid == child && info.si_code == CLD_KILLED && info.si_status == SIGKILL && info.si_signo == SIGCHLD);
    RETURNS(0, waitid(P_ALL, 0, &info, WEXITED));
    CHECK(info.si_pid == child);
    FAILS(ECHILD, waitid(P_ALL, 0, &info, WEXITED));

    /* By process group. */
    pid_t first = child_that(2, 0), second = child_that(2, 0);
    RETURNS(0, setpgid(second, second));
    kill(first, SIGTERM);
    sleep_ms(20);
    RETURNS(0, waitpid(-second, &status, WNOHANG));
    RETURNS(first, waitpid(0, &status, 0));
    kill(second, SIGTERM);
    RETURNS(second, waitpid(-second, &status, 0));
    RETURNS(SIGTERM, WTERMSIG(status));

    /* Only my children: not grandchildren. */
    int ends[2];
    RETURNS(0, pipe(ends));
    child = fork();
    if (child == 0) {
        pid_t grandchild = child_that(2, 0);
        if (write(ends[1], &grandchild, sizeof grandchild) < 0)
            _exit(1);
        pause();
    }
    pid_t grandchild;
    RETURNS(sizeof grandchild, read(ends[0], &grandchild, sizeof grandchild));
    FAILS(ECHILD, waitpid(grandchild, &status, WNOHANG));

    /* Orphans go to the nearest subreaper. */
    RETURNS(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
    kill(child, SIGKILL);
    RETURNS(child, waitpid(child, &status, 0));
    kill(grandchild, SIGKILL);
    RETURNS(grandchild, waitpid(grandchild, &status, 0));
    RETURNS(SIGKILL, WTERMSIG(status));
    RETURNS(0, prctl(PR_SET_CHILD_SUBREAPER, 0));

    /* Parent-death signal. */
    child = fork();
    if (child == 0) {
        pid_t inner = fork();
        if (inner == 0) {
            prctl(PR_SET_PDEATHSIG, SIGUSR1);
            sigset_t set;
            sigemptyset(&set);
            sigaddset(&set, SIGUSR1);
            sigprocmask(SIG_BLOCK, &set, NULL);
            if (write(ends[1], "r", 1) < 0)
                _exit(1);
            int got = 0;
            sigwait(&set, &got);
            _exit(write(ends[1], got == SIGUSR1 ? "y" : "n", 1) != 1);
        }
        pause();
    }
    char byte = 0;
    RETURNS(1, read(ends[0], &byte, 1));
    kill(child, SIGKILL);
    RETURNS(child, waitpid(child, &status, 0));
    RETURNS(1, read(ends[0], &byte, 1));
    RETURNS('y', byte);
    RETURNS(0, getrusage(RUSAGE_CHILDREN, &usage));
    return done();
}
