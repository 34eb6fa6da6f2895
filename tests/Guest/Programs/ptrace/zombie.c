/* A traced process that ends is its tracer's first; its parent sees that only when the tracer has waited, or has gone. */
#include "check.h"
#include <pthread.h>
#include <sys/ptrace.h>

static pid_t parent, child;
static int down[2], up[2];

static void put(int fd, int value)
{
    RETURNS(sizeof value, write(fd, &value, sizeof value));
}

static int get(int fd)
{
    int value = -1;
    RETURNS(sizeof value, read(fd, &value, sizeof value));
    return value;
}

/* Until the process is a zombie. */
static void until_zombie(pid_t pid)
{
    char name[64];
    snprintf(name, sizeof name, "/proc/%d/stat", pid);
    for (int tries = 0; tries < 5000; tries++) {
        const char *state = strrchr(slurp(name), ')');
        if (state != NULL && state[2] == 'Z')
            return;
        sleep_ms(1);
    }
    CHECK(!"becomes a zombie");
}

static int has_sigchld(void)
{
    sigset_t set;
    sigpending(&set);
    return sigismember(&set, SIGCHLD);
}

/* A parent with a child that ends when told; the caller is to trace the child. */
static void make_family(void (*disposition)(int))
{
    OK(pipe(down));
    OK(pipe(up));
    parent = fork();
    if (parent != 0) {
        child = get(up[0]);
        return;
    }
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGCHLD, disposition);
    failures = 0;
    int go[2];
    OK(pipe(go));
    child = fork();
    if (child == 0)
        _exit(get(go[0]));
    put(up[1], child);
    get(down[0]); /* traced now */
    put(go[1], 5);
    until_zombie(child);
    int status = 0;
    RETURNS(0, waitpid(child, &status, WNOHANG));
    RETURNS(0, waitpid(-1, &status, WNOHANG | __WALL));
    CHECK(!has_sigchld());
    put(up[1], 0);
    get(down[0]); /* released now */
    if (disposition == SIG_IGN) {
        FAILS(ECHILD, waitpid(child, &status, 0));
        CHECK(!has_sigchld());
        FAILS(ESRCH, kill(child, 0));
    } else {
        RETURNS(child, waitpid(child, &status, 0));
        CHECK(status == 5 << 8);
        CHECK(has_sigchld());
    }
    _exit(failures != 0);
}

static void waited_for(void (*disposition)(int))
{
    int status = 0;
    make_family(disposition);
    OK(ptrace(PTRACE_SEIZE, child, NULL, 0));
    put(down[1], 0);
    RETURNS(0, get(up[0]));
    siginfo_t info;
    OK(waitid(P_PID, child, &info, WEXITED | WNOWAIT));
    CHECK(info.si_pid == child && info.si_status == 5);
    RETURNS(child, waitpid(child, &status, 0));
    CHECK(status == 5 << 8);
    FAILS(ECHILD, waitpid(child, &status, 0));
    put(down[1], 0);
    CHILD_OK(parent);
}

static void tracer_ends(void (*disposition)(int))
{
    make_family(disposition);
    IN_CHILD({
        OK(ptrace(PTRACE_SEIZE, child, NULL, 0));
        put(down[1], 0);
        RETURNS(0, get(up[0]));
    });
    put(down[1], 0);
    CHILD_OK(parent);
}

/* The parent goes while its child is a zombie of the tracer's. */
static void parent_ends(void)
{
    int status = 0;
    make_family(SIG_DFL);
    OK(ptrace(PTRACE_SEIZE, child, NULL, 0));
    put(down[1], 0);
    RETURNS(0, get(up[0]));
    OK(kill(parent, SIGKILL));
    RETURNS(parent, waitpid(parent, &status, 0));
    RETURNS(child, waitpid(child, &status, 0));
    CHECK(status == 5 << 8);
}

/* One's own traced child, with SIGCHLD ignored: not reaped behind the tracer's back. */
static void ignored(void)
{
    int status = 0;
    signal(SIGCHLD, SIG_IGN);
    pid_t own = fork();
    if (own == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        _exit(3);
    }
    until_zombie(own);
    RETURNS(own, waitpid(own, &status, 0));
    CHECK(status == 3 << 8);
    signal(SIGCHLD, SIG_DFL);
}

static void *ends(void *unused)
{
    put(up[1], syscall(SYS_gettid));
    get(down[0]);
    return unused;
}

/* A traced thread keeps its id, and its process from being waited for, until the tracer has waited for it. */
static void threads(void)
{
    int status = 0;
    OK(pipe(down));
    OK(pipe(up));
    pid_t own = fork();
    if (own == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, ends, NULL);
        pthread_join(thread, NULL);
        _exit(9);
    }
    pid_t thread = get(up[0]);
    OK(ptrace(PTRACE_SEIZE, thread, NULL, 0));
    put(down[1], 0);
    until_zombie(own);
    RETURNS(0, waitpid(own, &status, WNOHANG));
    RETURNS(thread, waitpid(thread, &status, __WALL));
    RETURNS(own, waitpid(own, &status, 0));
    CHECK(status == 9 << 8);
}

int main(void)
{
    waited_for(SIG_DFL);
    waited_for(SIG_IGN);
    tracer_ends(SIG_DFL);
    tracer_ends(SIG_IGN);
    parent_ends();
    ignored();
    threads();
    return done();
}
