/* refusing WHAT... -- PROGRAM ARGUMENT...: runs a program under a seccomp filter like an outer sandbox's. WHAT is "ptrace"
   (EPERM), or "listener": a further user notification listener (EBUSY, as where the outer filter has one). */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ANSWER(action) BPF_STMT(BPF_RET | BPF_K, action)

static int install(struct sock_filter *filter, int length)
{
    struct sock_fprog program = { length, filter };
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int count, char **arguments)
{
    struct sock_filter no_ptrace[] = {
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
        ANSWER(SECCOMP_RET_ERRNO | EPERM),
        ANSWER(SECCOMP_RET_ALLOW),
    };
    struct sock_filter no_listener[] = {
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 3),
        LOAD(args[1]),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SECCOMP_FILTER_FLAG_NEW_LISTENER, 0, 1),
        ANSWER(SECCOMP_RET_ERRNO | EBUSY),
        ANSWER(SECCOMP_RET_ALLOW),
    };
    int at = 1;
    for (; at < count && strcmp(arguments[at], "--"); at++) {
        int failed = !strcmp(arguments[at], "ptrace") ? install(no_ptrace, sizeof no_ptrace / sizeof *no_ptrace)
            : !strcmp(arguments[at], "listener") ? install(no_listener, sizeof no_listener / sizeof *no_listener) : 1;
        if (failed) {
            fprintf(stderr, "refusing %s: %s\n", arguments[at], strerror(errno));
            return 99;
        }
    }
    execv(arguments[at + 1], &arguments[at + 1]);
    perror(arguments[at + 1]);
    return 99;
}
