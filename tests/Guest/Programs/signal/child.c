/* SIGCHLD: siginfo for each kind of end, SA_NOCLDSTOP, SA_NOCLDWAIT, SIG_IGN. */
#include "check.h"

static volatile sig_atomic_t count, code, status, pid;

static void handler(int signal, siginfo_t *info, void *context)
{
    count++;
    code = info->si_code;
    status = info->si_status;
    pid = info->si_pid;
}

static void until(int expected)
{
    for (int i = 0; i < 2000 && count < expected; i++)
        sleep_ms(1);
}

int main(void)
{
    struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
    RETURNS(0, sigaction(SIGCHLD, &action, NULL));
    pid_t child = fork();
    if (child == 0)
        _exit(42);
    until(1);
    CHECK(count == 1 && code == CLD_EXITED && status == 42 && pid == child);
    RETURNS(child, waitpid(child, NULL, 0));

    child = fork();
    if (child == 0) {
        pause();
        _exit(1);
    }
    sleep_ms(10);
    kill(child, SIGSTOP);
    until(2);
    CHECK(count == 2 && code == CLD_STOPPED && status == SIGSTOP);
    kill(child, SIGCONT);
    until(3);
    CHECK(count == 3 && code == CLD_CONTINUED && status == SIGCONT);
    kill(child, SIGTERM);
    until(4);
    CHECK(count == 4 && code == CLD_KILLED && status == SIGTERM);
    RETURNS(child, waitpid(child, NULL, 0));

    action.sa_flags = SA_SIGINFO | SA_NOCLDSTOP;
    sigaction(SIGCHLD, &action, NULL);
    child = fork();
    if (child == 0) {
        raise(SIGSTOP);
        _exit(0);
    }
    int how;
    RETURNS(child, waitpid(child, &how, WUNTRACED));
    CHECK(WIFSTOPPED(how) && WSTOPSIG(how) == SIGSTOP);
    sleep_ms(10);
    RETURNS(4, count);
    kill(child, SIGCONT);
    until(5);
    RETURNS(CLD_EXITED, code);
    CHILD_OK(child);

    /* No zombies when nobody wants to know. */
    signal(SIGCHLD, SIG_IGN);
    child = fork();
    if (child == 0)
        _exit(1);
    FAILS(ECHILD, waitpid(child, &how, 0)); /* waits for the end, then there is nothing */
    action.sa_flags = SA_SIGINFO | SA_NOCLDWAIT;
    sigaction(SIGCHLD, &action, NULL);
    child = fork();
    if (child == 0)
        _exit(1);
    FAILS(ECHILD, wait(&how));
    return done();
}
