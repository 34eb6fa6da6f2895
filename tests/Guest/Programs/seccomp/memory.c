/* Filters see the calls that only touch the caller's own memory or processor, too. */
#include "seccomp.h"
#include <sys/mman.h>

static void *page;

static void deny(long number)
{
    RETURNS(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    RETURNS(0, install_for(number, SECCOMP_RET_ERRNO | EDOM, 0));
}

static void denied_mmap(void)
{
    deny(SYS_mmap);
    FAILS(EDOM, mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    RETURNS(0, munmap(page, 4096)); /* What is not denied works. */
}

/* PROT_EXEC is refused, everything else is made. */
static void denied_execute(void)
{
    struct sock_filter filter[] = {
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 3),
        LOAD(args[2]),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
        ANSWER(SECCOMP_RET_ERRNO | EDOM),
        ANSWER(SECCOMP_RET_ALLOW),
    };
    RETURNS(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    RETURNS(0, install(filter, sizeof filter / sizeof *filter, 0));
    RETURNS(0, mprotect(page, 4096, PROT_READ));
    FAILS(EDOM, mprotect(page, 4096, PROT_READ | PROT_EXEC));
    RETURNS(0, mprotect(page, 4096, PROT_READ | PROT_WRITE));
    *(volatile char *)page = 1;
    IN_CHILD(FAILS(EDOM, mprotect(page, 4096, PROT_READ | PROT_EXEC))); /* After fork as well. */
}

/* With mprotect seen by the kernel, the others still do their work. */
static void the_rest_works(void)
{
    deny(SYS_sched_yield);
    FAILS(EDOM, syscall(SYS_sched_yield));
    for (int round = 0; round < 20; round++) {
        char *more = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(more != MAP_FAILED);
        more[4096] = 1;
        more = mremap(more, 8192, 65536, MREMAP_MAYMOVE);
        CHECK(more != MAP_FAILED && more[4096] == 1);
        RETURNS(0, madvise(more, 65536, MADV_DONTNEED));
        RETURNS(0, more[4096]);
        RETURNS(0, munmap(more, 65536));
    }
}

static void everything_is_seen(void)
{
    long calls[] = { SYS_munmap, SYS_mprotect, SYS_madvise, SYS_mremap, SYS_sched_yield, SYS_membarrier, SYS_arch_prctl, SYS_brk };
    uintptr_t old = syscall(SYS_brk, 0);
    for (unsigned at = 0; at < sizeof calls / sizeof *calls; at++)
        deny(calls[at]);
    FAILS(EDOM, munmap(page, 4096));
    FAILS(EDOM, mprotect(page, 4096, PROT_NONE));
    FAILS(EDOM, madvise(page, 4096, MADV_NORMAL));
    FAILS(EDOM, mremap(page, 4096, 8192, MREMAP_MAYMOVE));
    FAILS(EDOM, syscall(SYS_sched_yield));
    FAILS(EDOM, syscall(SYS_membarrier, 0, 0, 0));
    unsigned long base;
    FAILS(EDOM, syscall(SYS_arch_prctl, 0x1003, &base));
    FAILS(EDOM, syscall(SYS_brk, old));
    void *more = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(more != MAP_FAILED);
}

static void moved_break(void)
{
    deny(SYS_madvise);
    char *old = sbrk(0);
    CHECK(sbrk(65536) == old);
    memset(old, 1, 65536);
    CHECK(sbrk(0) == old + 65536);
    RETURNS(0, brk(old));
}

/* The program that is executed is confined from its first instruction. */
static void executed(void)
{
    deny(SYS_sched_yield);
    pid_t child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "program", "child", NULL);
        _exit(99);
    }
    CHILD_OK(child);
}

static void killed(void)
{
    deny(SYS_sched_yield);
    int status = STATUS_OF(install_for(SYS_munmap, SECCOMP_RET_KILL_PROCESS, 0); munmap(page, 4096); _exit(0));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

int main(int count, char **arguments)
{
    if (count > 1) {
        FAILS(EDOM, syscall(SYS_sched_yield));
        return done();
    }
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    IN_CHILD(denied_mmap());
    IN_CHILD(denied_execute());
    IN_CHILD(the_rest_works());
    IN_CHILD(everything_is_seen());
    IN_CHILD(moved_break());
    IN_CHILD(executed());
    IN_CHILD(killed());
    RETURNS(0, syscall(SYS_sched_yield));
    return done();
}
