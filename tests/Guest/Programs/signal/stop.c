/* Stopping and continuing; waitpid with WUNTRACED and WCONTINUED; stop signals and groups without a parent. */
#include "check.h"
#include <sys/mman.h>

static volatile int *shared;
static volatile int continued;

static void on_continue(int signal)
{
    continued++;
}

int main(void)
{
    int status;
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGCONT, on_continue);
        while (!continued || !shared[1]) /* not before the parent has seen it continue */
            (*shared)++;
        _exit(5);
    }
    while (*shared < 1000)
        sleep_ms(1);
    RETURNS(0, kill(child, SIGSTOP));
    RETURNS(child, waitpid(child, &status, WUNTRACED));
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    int before = *shared;
    sleep_ms(30);
    CHECK(before == *shared); /* it really stands still */
    RETURNS(0, waitpid(child, &status, WUNTRACED | WNOHANG)); /* told once */
    RETURNS(0, kill(child, SIGCONT));
    RETURNS(child, waitpid(child, &status, WCONTINUED));
    CHECK(WIFCONTINUED(status));
    shared[1] = 1;
    RETURNS(child, waitpid(child, &status, 0));
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);

    /* A blocked call of a stopped process goes on as if nothing had been. */
    int ends[2];
    RETURNS(0, pipe(ends));
    child = fork();
    if (child == 0) {
        setpgid(0, 0); /* SIGTSTP does nothing in an orphaned group; this one has its parent in the session */
        char byte;
        _exit(read(ends[0], &byte, 1) == 1 ? 0 : 1);
    }
    sleep_ms(10);
    kill(child, SIGTSTP);
    RETURNS(child, waitpid(child, &status, WUNTRACED));
    RETURNS(SIGTSTP, WSTOPSIG(status));
    kill(child, SIGCONT);
    sleep_ms(10);
    RETURNS(1, write(ends[1], "x", 1));
    CHILD_OK(child);

    /* SIGKILL works on a stopped process, other signals wait for SIGCONT. */
    child = fork();
    if (child == 0) {
        raise(SIGSTOP);
        _exit(1);
    }
    RETURNS(child, waitpid(child, &status, WUNTRACED));
    kill(child, SIGTERM);
    sleep_ms(10);
    RETURNS(0, waitpid(child, &status, WNOHANG));
    kill(child, SIGCONT);
    RETURNS(child, waitpid(child, &status, 0));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    child = fork();
    if (child == 0) {
        raise(SIGSTOP);
        _exit(1);
    }
    RETURNS(child, waitpid(child, &status, WUNTRACED));
    kill(child, SIGKILL);
    RETURNS(child, waitpid(child, &status, 0));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return done();
}
