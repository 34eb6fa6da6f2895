/* seccomp(2): what each answer of a filter does, and who may install which. */
#include "seccomp.h"
#include <sys/mman.h>

static volatile siginfo_t trapped;

static void on_trap(int signal, siginfo_t *info, void *context)
{
    *(siginfo_t *)&trapped = *info;
}

static void check_programs(void)
{
    struct sock_filter one[] = { ANSWER(SECCOMP_RET_ALLOW) };
    struct sock_filter no_return[] = { LOAD(nr) };
    struct sock_filter far[] = { BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 5, 0), ANSWER(SECCOMP_RET_ALLOW) };
    struct sock_filter outside[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), ANSWER(SECCOMP_RET_ALLOW) };
    struct sock_filter crooked[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), ANSWER(SECCOMP_RET_ALLOW) };
    struct sock_filter half[] = { BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0), ANSWER(SECCOMP_RET_ALLOW) };
    struct sock_filter zero[] = { BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), ANSWER(SECCOMP_RET_ALLOW) };
    struct sock_filter shift[] = { BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), ANSWER(SECCOMP_RET_ALLOW) };
    struct sock_filter unset[] = { BPF_STMT(BPF_LD | BPF_MEM, 3), ANSWER(SECCOMP_RET_ALLOW) };
    struct sock_filter scratch[] = { BPF_STMT(BPF_ST, 16), ANSWER(SECCOMP_RET_ALLOW) };
    struct sock_filter modulus[] = { BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 3), ANSWER(SECCOMP_RET_ALLOW) };
    RETURNS(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    RETURNS(0, install(one, 1, 0));
    FAILS(EINVAL, install(one, 0, 0));
    FAILS(EINVAL, install(one, 4097, 0));
    FAILS(EINVAL, install(no_return, 1, 0));
    FAILS(EINVAL, install(far, 2, 0));
    FAILS(EINVAL, install(outside, 2, 0));
    FAILS(EINVAL, install(crooked, 2, 0));
    FAILS(EINVAL, install(half, 2, 0));
    FAILS(EINVAL, install(zero, 2, 0));
    FAILS(EINVAL, install(shift, 2, 0));
    FAILS(EINVAL, install(unset, 2, 0));
    FAILS(EINVAL, install(scratch, 2, 0));
    FAILS(EINVAL, install(modulus, 2, 0));
    FAILS(EINVAL, install(one, 1, 1u << 20));
    FAILS(EINVAL, install(one, 1, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_NEW_LISTENER));
    FAILS(EFAULT, syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, (void *)8));
    FAILS(EINVAL, syscall(SYS_seccomp, 77, 0, 0));
    FAILS(EINVAL, syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, 0)); /* There are filters. */
}

/* A program with scratch memory, arithmetic and a comparison of registers: write to descriptor 7 * 6 is EDOM. */
static void check_arithmetic(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_IMM, 7),
        BPF_STMT(BPF_ST, 5),
        BPF_STMT(BPF_LDX | BPF_MEM, 5),
        BPF_STMT(BPF_LD | BPF_IMM, 6),
        BPF_STMT(BPF_ALU | BPF_MUL | BPF_X, 0),
        BPF_STMT(BPF_MISC | BPF_TAX, 0),
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 0, 3),
        LOAD(args[0]),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 1),
        ANSWER(SECCOMP_RET_ERRNO | EDOM),
        ANSWER(SECCOMP_RET_ALLOW),
    };
    RETURNS(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    RETURNS(0, install(filter, sizeof filter / sizeof *filter, 0));
    FAILS(EDOM, write(42, "", 1));
    FAILS(EBADF, write(41, "", 1));
}

static void check_privilege(void)
{
    IN_CHILD({
        if (geteuid() == 0) {
            OK(setresgid(1000, 1000, 1000));
            OK(setresuid(1000, 1000, 1000));
        }
        FAILS(EACCES, install_for(SYS_getppid, SECCOMP_RET_ERRNO | EDOM, 0));
        RETURNS(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
        RETURNS(0, install_for(SYS_getppid, SECCOMP_RET_ERRNO | EDOM, 0));
        FAILS(EDOM, syscall(SYS_getppid));
    });
}

static void check_errno(void)
{
    long filters = status_of("Seccomp_filters:");
    RETURNS(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    RETURNS(0, install_for(SYS_getppid, SECCOMP_RET_ERRNO | ENOTTY, 0));
    FAILS(ENOTTY, syscall(SYS_getppid));
    CHECK(getpid() > 0);
    RETURNS(2, prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
    RETURNS(2, status_of("Seccomp:"));
    RETURNS(filters + 1, status_of("Seccomp_filters:"));
    /* The newest of equal answers counts; a stricter one always does. */
    RETURNS(0, install_for(SYS_getppid, SECCOMP_RET_ERRNO | EDOM, 0));
    FAILS(EDOM, syscall(SYS_getppid));
    RETURNS(0, install_for(SYS_getppid, SECCOMP_RET_ALLOW, 0));
    FAILS(EDOM, syscall(SYS_getppid));
    RETURNS(0, install_for(SYS_getpgid, SECCOMP_RET_ERRNO, 0));
    RETURNS(0, syscall(SYS_getpgid, 99999)); /* Errno 0 is success. */
    RETURNS(0, install_for(SYS_getsid, SECCOMP_RET_ERRNO | 0xFFFF, 0));
    errno = 0;
    CHECK(syscall(SYS_getsid, 0) == -1 && errno == 4095);
    RETURNS(0, install_for(SYS_sync, SECCOMP_RET_LOG, 0));
    RETURNS(0, syscall(SYS_getpriority, 0, 0) < 0);
    RETURNS(0, install_for(SYS_times, SECCOMP_RET_TRACE | 5, 0));
    FAILS(ENOSYS, syscall(SYS_times, 0)); /* Nobody traces. */
    RETURNS(0, install_for(SYS_uname, SECCOMP_RET_USER_NOTIF, 0));
    FAILS(ENOSYS, syscall(SYS_uname, slurp("/dev/null"))); /* Nobody listens. */
    /* Children have it, and so have programs they execute. */
    IN_CHILD(FAILS(EDOM, syscall(SYS_getppid)));
    pid_t child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "program", "child", NULL);
        _exit(99);
    }
    CHILD_OK(child);
}

static void check_traps(void)
{
    struct sigaction action = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };
    sigaction(SIGSYS, &action, NULL);
    RETURNS(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    RETURNS(0, install_for(SYS_getppid, SECCOMP_RET_TRAP | 77, 0));
    RETURNS(SYS_getppid, syscall(SYS_getppid)); /* The register still holds the call's number. */
    RETURNS(SIGSYS, trapped.si_signo);
    RETURNS(1, trapped.si_code); /* SYS_SECCOMP */
    RETURNS(77, trapped.si_errno);
    RETURNS(SYS_getppid, trapped.si_syscall);
    RETURNS(AUDIT_ARCH_X86_64, trapped.si_arch);
    CHECK(trapped.si_call_addr != NULL);
    /* A call that comes in with all its registers. */
    RETURNS(0, install_for(SYS_sigaltstack, SECCOMP_RET_TRAP | 78, 0));
    RETURNS(SYS_sigaltstack, syscall(SYS_sigaltstack, 0, 0));
    RETURNS(78, trapped.si_errno);
}

static void check_kills(void)
{
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    int status = STATUS_OF(install_for(SYS_getppid, SECCOMP_RET_KILL_PROCESS, 0); syscall(SYS_getppid); _exit(0));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
    status = STATUS_OF(install_for(SYS_getppid, SECCOMP_RET_KILL_THREAD, 0); syscall(SYS_getppid); _exit(0));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
    status = STATUS_OF(install_for(SYS_fork, SECCOMP_RET_KILL_PROCESS, 0); syscall(SYS_fork); _exit(0));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
    status = STATUS_OF(install_for(SYS_getppid, SECCOMP_RET_TRAP, 0); syscall(SYS_getppid); _exit(0));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
    /* Blocked or ignored, a trap is deadly. */
    status = STATUS_OF(signal(SIGSYS, SIG_IGN); install_for(SYS_getppid, SECCOMP_RET_TRAP, 0); syscall(SYS_getppid); _exit(0));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static void check_strict(void)
{
    int status = STATUS_OF({
        RETURNS(0, prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0));
        if (write(1, "", 0) != 0)
            syscall(SYS_exit, 1);
        syscall(SYS_exit, 5);
    });
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
    status = STATUS_OF(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, 0); syscall(SYS_getppid); syscall(SYS_exit, 0));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    status = STATUS_OF(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0); syscall(SYS_sched_yield); syscall(SYS_exit, 0));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    FAILS(EINVAL, syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, 0));
    FAILS(EINVAL, prctl(PR_SET_SECCOMP, 9, 0, 0, 0));
}

static void check_queries(void)
{
    uint32_t known[] = { SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO,
                         SECCOMP_RET_USER_NOTIF, SECCOMP_RET_TRACE, SECCOMP_RET_LOG, SECCOMP_RET_ALLOW };
    for (unsigned at = 0; at < sizeof known / sizeof *known; at++)
        RETURNS(0, syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &known[at]));
    uint32_t unknown = 0x12340000;
    FAILS(EOPNOTSUPP, syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &unknown));
    FAILS(EFAULT, syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, NULL));
    struct seccomp_notif_sizes sizes;
    RETURNS(0, syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes));
    RETURNS(sizeof(struct seccomp_notif), sizes.seccomp_notif);
    RETURNS(sizeof(struct seccomp_notif_resp), sizes.seccomp_notif_resp);
    RETURNS(sizeof(struct seccomp_data), sizes.seccomp_data);
}

int main(int count, char **arguments)
{
    if (count > 1) { /* Executed under check_errno's filters. */
        FAILS(EDOM, syscall(SYS_getppid));
        RETURNS(2, prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
        return done();
    }
    check_queries();
    check_privilege();
    IN_CHILD(check_programs());
    IN_CHILD(check_arithmetic());
    IN_CHILD(check_errno());
    IN_CHILD(check_traps());
    IN_CHILD(check_kills());
    check_strict();
    return done();
}
