/* clone(2) and clone3(2) by hand: tids, CLONE_CHILD_CLEARTID, CLONE_FILES, CLONE_FS, CLONE_PIDFD, set_tid_address. */
#include "check.h"
#include <linux/futex.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>

static volatile int parent_tid, child_tid = -1, seen;

static int child_main(void *argument)
{
    seen = child_tid == syscall(SYS_gettid);
    return 0;
}

static int open_file(void *argument)
{
    return open("f", O_RDONLY | O_CREAT, 0644) < 0 || chdir("d") != 0;
}

int main(void)
{
    char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM
        | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_SETTLS;
    static char tls[4096] __attribute__((aligned(64)));
    *(void **)(tls + 2048) = tls + 2048;
    int tid = OK(clone(child_main, stack + 65536, flags & ~CLONE_SETTLS, NULL, &parent_tid, tls + 2048, &child_tid));
    CHECK(parent_tid == tid);
    for (int value; (value = child_tid) != 0;) /* the kernel clears it and wakes */
        syscall(SYS_futex, &child_tid, FUTEX_WAIT, value, NULL, NULL, 0);
    RETURNS(1, seen);
    FAILS(ECHILD, waitpid(tid, NULL, __WALL)); /* a thread is nobody's child */

    /* Shared descriptors and directory. */
    RETURNS(0, mkdir("d", 0755));
    int next = OK(dup(0));
    close(next);
    pid_t child = OK(clone(open_file, stack + 65536, CLONE_FILES | CLONE_FS | SIGCHLD, NULL));
    CHILD_OK(child);
    CHECK(fcntl(next, F_GETFD) == 0);
    FAILS(ENOENT, access("d", F_OK)); /* we are inside it now */
    RETURNS(0, access("../d", F_OK));

    /* clone3 with a pidfd. */
    int pidfd = -1;
    struct clone_args arguments = { .flags = CLONE_PIDFD, .pidfd = (uintptr_t)&pidfd, .exit_signal = SIGCHLD };
    child = syscall(SYS_clone3, &arguments, sizeof arguments);
    if (child == 0) {
        sleep_ms(20);
        _exit(8);
    }
    CHECK(child > 0 && pidfd >= 0);
    struct pollfd poller = { pidfd, POLLIN, 0 };
    RETURNS(1, poll(&poller, 1, 2000));
    siginfo_t info;
    RETURNS(0, waitid(P_PIDFD, pidfd, &info, WEXITED));
    CHECK(info.si_pid == child && info.si_status == 8);
    arguments.exit_signal = 200;
    FAILS(EINVAL, syscall(SYS_clone3, &arguments, sizeof arguments));
    FAILS(EINVAL, syscall(SYS_clone3, &arguments, 8));

    /* pidfd_open, pidfd_send_signal. */
    child = fork();
    if (child == 0)
        _exit(pause() != -1);
    pidfd = OK(syscall(SYS_pidfd_open, child, 0));
    RETURNS(0, fcntl(pidfd, F_GETFD) & 0);
    RETURNS(0, syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0));
    int status;
    RETURNS(child, waitpid(child, &status, 0));
    RETURNS(SIGTERM, WTERMSIG(status));
    FAILS(ESRCH, syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0));
    FAILS(ESRCH, syscall(SYS_pidfd_open, 999999, 0));
    RETURNS(getpid(), syscall(SYS_set_tid_address, &child_tid));
    return done();
}
