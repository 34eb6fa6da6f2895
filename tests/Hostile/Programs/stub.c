// The platform's own pages: calls from its code, forged doorbells, attempts to rewrite or replace it.
#include "hostile.h"

struct jump { uint64_t site, nr, a0, a1, a2, a3, a4, a5; };

static void do_jump(void *argument)
{
    struct jump j = *(struct jump *)argument;
    register uint64_t r10 asm("r10") = j.a3;
    register uint64_t r8 asm("r8") = j.a4;
    register uint64_t r9 asm("r9") = j.a5;
    register uint64_t r12 asm("r12") = WINDOW_SLOTS + 64;
    register uint64_t r13 asm("r13") = 1;
    asm volatile("jmp *%[site]"
                 :: "a"(j.nr), "D"(j.a0), "S"(j.a1), "d"(j.a2), "r"(r10), "r"(r8), "r"(r9), "r"(r12), "r"(r13),
                    "b"(WINDOW_SLOTS), [site] "c"(j.site)
                 : "memory");
}

static void calls_from_the_stub(void)
{
    static char path[] = "/etc/passwd";
    static char *args[] = { "/program", "idle", 0 };
    uint64_t frame = WINDOW_SLOTS + 0x2000;
    struct jump calls[] = {
        { 0, SYS_openat, AT_FDCWD, (uint64_t)path, O_RDONLY },
        { 0, SYS_read, 0, WINDOW_CODE, 4096 },
        { 0, SYS_write, 99, WINDOW_CODE, 4096 },
        { 0, SYS_execve, (uint64_t)args[0], (uint64_t)args, 0 },
        { 0, SYS_clone, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND, WINDOW_SLOTS + 0x4000 },
        { 0, SYS_clone, CLONE_NEWUSER | SIGCHLD },
        { 0, SYS_mmap, WINDOW_CODE, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1 },
        { 0, SYS_mprotect, WINDOW_CODE, 4096, PROT_READ | PROT_WRITE | PROT_EXEC },
        { 0, SYS_munmap, WINDOW, 0x100000000UL },
        { 0, SYS_prctl, PR_SET_DUMPABLE, 1 },
        { 0, SYS_prctl, 1, SIGKILL },
        { 0, SYS_prctl, 22, 2, frame },
        { 0, SYS_seccomp, 1, 0, frame },
        { 0, SYS_ptrace, 0, 0, 0 },
        { 0, SYS_kill, -1, SIGKILL },
        { 0, SYS_exit_group, 7 },
        { 0, SYS_exit, 7 },
        { 0, SYS_rt_sigreturn },
        { 0, SYS_socket, AF_INET, SOCK_STREAM },
        { 0, 0x5F5F, 0, frame },
        { 0, 0x5F5F, 1000, frame },
        { 0, 0x5F5F, SIGSYS, frame },
        { 0, 0x5F5F, SIGSEGV, 0xdead0000 },
        { 0, 0x5F5F, 36, frame },
        { 0, 0x5F5F, 0xffffffffffffffff, 0xffffffffffffffff, 1, 1 },
    };
    const unsigned char *code = (const unsigned char *)WINDOW_CODE;
    int sites = 0;
    for (int at = 0; at + 1 < 4096; at++) {
        if (code[at] != 0x0F || code[at + 1] != 0x05)
            continue;
        sites++;
        for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++) {
            struct jump j = calls[i];
            if (j.nr == SYS_kill)
                j.a0 = (uint64_t)-getpgrp() * 0 + 999999; // Nobody: everybody would be us.
            j.site = WINDOW_CODE + at;
            attempt(do_jump, &j, 250);
        }
    }
    if (sites < 3)
        fail("the stub's code is not where it was", sites);
}

static void forged_doorbell(void *unused)
{
    for (uint64_t signal = 0; signal < 70; signal++)
        for (int i = 0; i < 4; i++) {
            uint64_t frames[] = { 0, WINDOW_SLOTS + 0x1000, (uint64_t)&signal, 0x7fffffffffff };
            syscall(0x5F5F, signal, frames[i], 0x1234, 0x5678, 0, 0);
        }
}

static void expect_refused(const char *what, long result)
{
    if (result >= 0)
        fail(what, result);
}

static void rewrite(void *unused)
{
    const int rwx = PROT_READ | PROT_WRITE | PROT_EXEC, fixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    static char page[4096];
    uint64_t starts[] = { WINDOW, WINDOW_CODE, WINDOW_DATA, WINDOW_SLOTS, WINDOW_CODE - 4096, 0x6FFEFFFFF000UL };
    for (unsigned i = 0; i < 6; i++) {
        uint64_t start = starts[i], length = start < WINDOW_CODE ? 0x40000 : 4096;
        expect_refused("mprotect", syscall(SYS_mprotect, start, length, rwx));
        expect_refused("mprotect, long", syscall(SYS_mprotect, start, 0x100000000UL, PROT_NONE));
        expect_refused("mmap fixed", syscall(SYS_mmap, start, length, rwx, fixed, -1, 0));
        expect_refused("mmap fixed, long", syscall(SYS_mmap, start, 0x200000000UL, rwx, fixed, -1, 0));
        expect_refused("pkey_mprotect", syscall(SYS_pkey_mprotect, start, length, rwx, -1));
        expect_refused("remap_file_pages", syscall(SYS_remap_file_pages, start, length, 0, 0, 0));
        syscall(SYS_munmap, start, length);
        syscall(SYS_munmap, start, 0x100000000UL);
        syscall(SYS_mremap, start, 4096, 8192, MREMAP_MAYMOVE, 0);
        syscall(SYS_mremap, start, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, 0x500000000000UL);
        syscall(SYS_mremap, start, 4096, 4096, MREMAP_MAYMOVE | 4, 0);
        void *mine = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        expect_refused("mremap onto it", syscall(SYS_mremap, mine, 4096, 65536, MREMAP_MAYMOVE | MREMAP_FIXED, start));
        for (int advice = 0; advice < 30; advice++)
            syscall(SYS_madvise, start, length, advice);
        syscall(462, start, length, 0);
        struct iovec from = { page, 64 }, to = { (void *)start, 64 };
        syscall(SYS_process_madvise, -1, &to, 1, MADV_DONTNEED, 0);
    }
    for (uint64_t at = WINDOW - 0x200000000UL; at < WINDOW; at += 0x40000000UL)
        syscall(SYS_munmap, at, 0xFFFFF000UL); // Just below the four GiB the filter guards.
    expect_refused("munmap of everything", syscall(SYS_mprotect, 4096, 0x7fffffffe000UL, PROT_READ));
    // Its code is read-only also for the kernel's writes on our behalf.
    struct iovec from = { page, 64 }, to = { (void *)WINDOW_CODE, 64 };
    expect_refused("process_vm_writev", process_vm_writev(getpid(), &from, 1, &to, 1, 0));
    int zero = open("/dev/zero", O_RDONLY);
    expect_refused("read into it", read(zero, (void *)WINDOW_CODE, 64));
    int mem = open("/proc/self/mem", O_RDWR);
    if (mem >= 0) {
        expect_refused("write by /proc/self/mem", pwrite(mem, page, 64, WINDOW_CODE));
        pwrite(mem, page, 4096, WINDOW_DATA);
        pwrite(mem, page, 64, (off_t)0xffffffffff600000UL);
    }
    const volatile unsigned char *code = (const volatile unsigned char *)WINDOW_CODE;
    if (code[0] == 0 && code[1] == 0 && code[2] == 0)
        fail("the stub's code was wiped", 0);
    _exit(failures != 0);
}

static volatile int stop;

// Garbage over all that the guest can write of the stub: slots of commands, frames, results.
static void *scribble(void *seed)
{
    uint64_t x = (uint64_t)seed * 0x9E3779B97F4A7C15UL + 1;
    while (!stop)
        for (uint64_t at = WINDOW_SLOTS + 64; at < WINDOW_SLOTS + 0xD00 && !stop; at += 8) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            *(volatile uint64_t *)at = x & 1 ? x : x % 400;
        }
    return 0;
}

static void scribbled(void *seed)
{
    pthread_t thread;
    pthread_create(&thread, 0, scribble, seed);
    int file = open("/program", O_RDONLY);
    for (int i = 0; i < 50; i++) {
        void *p = mmap(0, 8192, PROT_READ, MAP_PRIVATE, file, 0);
        if (p != MAP_FAILED)
            munmap(p, 8192);
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        if (child > 0)
            waitpid(child, 0, 0);
    }
    stop = 1;
}

static void no_slot(void *unused)
{
    syscall(SYS_madvise, WINDOW_SLOTS, SLOT_BYTES * 4, MADV_DONTNEED);
    memset((void *)(WINDOW_SLOTS + 0x1000), 0xAA, SLOT_BYTES - 0x1100);
    fork();
    mmap(0, 4096, PROT_READ, MAP_PRIVATE, open("/program", O_RDONLY), 0);
}

int main(int argc, char **argv)
{
    if (argc > 1) // The program of execve above.
        return 0;
    calls_from_the_stub();
    attempt(forged_doorbell, 0, 5000);
    int status = attempt(rewrite, 0, 20000);
    if (status > 0 && WIFEXITED(status))
        failures++;
    for (long seed = 0; seed < 12; seed++)
        attempt(scribbled, (void *)seed, 1000);
    attempt(no_slot, 0, 1000);
    return finish();
}
