/* Small filters for the seccomp programs. */
#ifndef SECCOMP_H
#define SECCOMP_H

#include "check.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ANSWER(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define IF_CALL(number, answer) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), ANSWER(answer)

static long install(struct sock_filter *filter, unsigned short count, unsigned flags)
{
    struct sock_fprog program = { .len = count, .filter = filter };
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

/* One call is answered like this, all others are allowed. */
static long install_for(long number, uint32_t answer, unsigned flags)
{
    struct sock_filter filter[] = { LOAD(nr), IF_CALL((uint32_t)number, answer), ANSWER(SECCOMP_RET_ALLOW) };
    return install(filter, sizeof filter / sizeof *filter, flags);
}

/* The number behind "Name:" in /proc/self/status. */
static long status_of(const char *name)
{
    const char *found = strstr(slurp("/proc/thread-self/status"), name);
    return found ? atol(found + strlen(name) + 1) : -1;
}

/* The wait status of a child that runs the block. */
#define STATUS_OF(...) ({ pid_t child_ = fork(); int status_ = -1; \
    if (child_ == 0) { failures = 0; __VA_ARGS__; _exit(failures != 0); } \
    waitpid(child_, &status_, 0); status_; })
#endif
