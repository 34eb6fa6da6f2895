/* getrlimit(2), setrlimit(2), prlimit64(2), and limits that bite. */
#include "check.h"
#include <sys/resource.h>

static int deep(int depth)
{
    volatile char frame[4096];
    frame[0] = (char)depth;
    return depth == 0 ? frame[0] : deep(depth - 1) + frame[0];
}

int main(void)
{
    struct rlimit limit, old;
    for (int i = 0; i < RLIM_NLIMITS; i++) {
        RETURNS(0, getrlimit(i, &limit));
        CHECK(limit.rlim_cur <= limit.rlim_max);
    }
    FAILS(EINVAL, getrlimit(RLIM_NLIMITS, &limit));
    FAILS(EFAULT, syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, 8));
    limit = (struct rlimit) { 100, 50 };
    FAILS(EINVAL, setrlimit(RLIMIT_CORE, &limit));
    limit = (struct rlimit) { 10, 50 };
    RETURNS(0, setrlimit(RLIMIT_CORE, &limit));
    RETURNS(0, prlimit(0, RLIMIT_CORE, NULL, &old));
    CHECK(old.rlim_cur == 10 && old.rlim_max == 50);
    IN_CHILD({
        RETURNS(0, setuid(1000));
        limit = (struct rlimit) { 50, 50 };
        RETURNS(0, setrlimit(RLIMIT_CORE, &limit));
        limit = (struct rlimit) { 10, 51 };
        FAILS(EPERM, setrlimit(RLIMIT_CORE, &limit));
        FAILS(EPERM, prlimit(getppid(), RLIMIT_CORE, NULL, &old));
    });
    pid_t child = fork();
    if (child == 0)
        _exit(pause() != -1);
    limit = (struct rlimit) { 3, 4 };
    RETURNS(0, prlimit(child, RLIMIT_MSGQUEUE, &limit, NULL));
    RETURNS(0, prlimit(child, RLIMIT_MSGQUEUE, NULL, &old));
    CHECK(old.rlim_cur == 3 && old.rlim_max == 4);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    FAILS(ESRCH, prlimit(99999, RLIMIT_MSGQUEUE, NULL, &old));

    /* CPU time: SIGXCPU at the soft limit. */
    child = fork();
    if (child == 0) {
        limit = (struct rlimit) { 1, 2 };
        setrlimit(RLIMIT_CPU, &limit);
        for (volatile long i = 0;; i++)
            ;
    }
    int status;
    RETURNS(child, waitpid(child, &status, 0));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU);
    struct rusage usage;
    RETURNS(0, getrusage(RUSAGE_CHILDREN, &usage));
    long used = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
    CHECK(used >= 200); /* The limit counts ticks, rusage what really ran: far less where a hypervisor takes time away. */
    RETURNS(0, getrusage(RUSAGE_SELF, &usage));
    CHECK(usage.ru_maxrss > 0);
    FAILS(EINVAL, getrusage(7, &usage));

    /* The stack grows as far as the limit of now: 16 MiB are more than 8. */
    for (int megabytes = 8; megabytes <= 32; megabytes += 24) {
        child = fork();
        if (child == 0) {
            limit = (struct rlimit) { megabytes << 20, RLIM_INFINITY };
            setrlimit(RLIMIT_STACK, &limit);
            _exit(deep(4096) & 1);
        }
        RETURNS(child, waitpid(child, &status, 0));
        CHECK(megabytes == 8 ? WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV : WIFEXITED(status));
    }

    /* Processes of a user. */
    IN_CHILD({
        RETURNS(0, setuid(54321));
        limit = (struct rlimit) { 1, 1 };
        RETURNS(0, setrlimit(RLIMIT_NPROC, &limit));
        FAILS(EAGAIN, fork());
    });
    return done();
}
