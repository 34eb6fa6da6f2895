/* What debuggers do by force: memory behind protection, vector registers, debug registers, the order of stops. */
#include "check.h"
#include <cpuid.h>
#include <elf.h>
#include <linux/ptrace.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/user.h>

long ptrace(int request, pid_t pid, void *address, void *data);

static int memory_of(pid_t pid)
{
    char name[64];
    snprintf(name, sizeof name, "/proc/%d/mem", pid);
    return OK(open(name, O_RDWR));
}

static pid_t stopped_child(void (*body)(void))
{
    pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        if (body != NULL)
            body();
        _exit(0);
    }
    int status;
    RETURNS(child, waitpid(child, &status, 0));
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    return child;
}

static void end(pid_t child)
{
    int status;
    OK(kill(child, SIGKILL));
    RETURNS(child, waitpid(child, &status, 0));
}

/* Private mappings become copies, shared ones cannot be written, files stay as they are. */
static void check_forced(pid_t pid, const char *name)
{
    int fd = open(name, O_RDONLY), own = pid == getpid();
    char *hidden = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *file = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    char *shared = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    memset(hidden, 'h', 3 * 4096);
    OK(mprotect(hidden + 4096, 4096, PROT_NONE));
    pid_t child = own ? 0 : stopped_child(NULL);
    int mem = memory_of(own ? pid : child);
    char bytes[3 * 4096] = { 0 };
    RETURNS(1, pwrite(mem, "x", 1, (off_t)file));
    RETURNS(1, pread(mem, bytes, 1, (off_t)file));
    CHECK(bytes[0] == 'x' && file[0] == (own ? 'x' : 't'));
    FAILS(EIO, pwrite(mem, "x", 1, (off_t)shared));
    RETURNS(1, pread(fd, bytes, 1, 0));
    CHECK(bytes[0] == 't');
    RETURNS(3, pwrite(mem, "abc", 3, (off_t)hidden + 4095)); /* over the edge */
    RETURNS((long)sizeof bytes, pread(mem, bytes, sizeof bytes, (off_t)hidden));
    CHECK(memcmp(bytes + 4094, "habch", 5) == 0 && bytes[2 * 4096] == 'h');
    RETURNS(4096, pread(mem, bytes, 4096, (off_t)hidden + 4096));
    OK(lseek(mem, (off_t)hidden + 4096, SEEK_SET));
    RETURNS(2, read(mem, bytes, 2));
    CHECK(memcmp(bytes, "bc", 2) == 0);
    RETURNS(1, write(mem, "d", 1));
    RETURNS(1, pread(mem, bytes, 1, (off_t)hidden + 4098));
    CHECK(bytes[0] == 'd');
    struct iovec two[] = { { bytes, 4 }, { bytes + 4, 4 } };
    RETURNS(8, preadv(mem, two, 2, (off_t)hidden + 4095));
    CHECK(memcmp(bytes, "abcdhhhh", 8) == 0);
    FAILS(EIO, pread(mem, bytes, 1, 4096));
    FAILS(EIO, pwrite(mem, "x", 1, 4096));
    FAILS(EFAULT, pread(mem, (void *)8, 4, (off_t)hidden));
    if (!own) {
        errno = 0;
        RETURNS('h', ptrace(PTRACE_PEEKDATA, child, hidden + 4096 + 8, NULL) & 0xFF);
        OK(ptrace(PTRACE_POKEDATA, child, hidden + 4096 + 8, (void *)0x41));
        RETURNS(1, pread(mem, bytes, 1, (off_t)hidden + 4096 + 8));
        CHECK(bytes[0] == 'A');
        FAILS(EIO, ptrace(PTRACE_POKEDATA, child, shared, NULL));
        end(child);
        RETURNS(0, pread(mem, bytes, 1, (off_t)hidden)); /* its memory is gone */
    }
    /* The pages are still what they were. */
    int pipes[2];
    OK(pipe(pipes));
    FAILS(EFAULT, write(pipes[1], hidden + 4096, 1));
    RETURNS(1, write(pipes[1], file, 1));
    FAILS(EFAULT, read(pipes[0], file, 1));
    close(mem);
    close(fd);
    close(pipes[0]);
    close(pipes[1]);
    munmap(hidden, 3 * 4096);
}

static void vector_registers(void)
{
    static char area[16384], before[16384];
    pid_t child = stopped_child(NULL);
    struct iovec vector = { area, sizeof area };
    OK(ptrace(PTRACE_GETREGSET, child, (void *)NT_X86_XSTATE, &vector));
    unsigned a, size, c, d, low, high;
    __cpuid_count(13, 0, a, size, c, d);
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    unsigned long told;
    memcpy(&told, area + 464, 8);
    CHECK(told == ((unsigned long)high << 32 | low));
    CHECK(vector.iov_len == size);
    for (int i = 472; i < 512; i++)
        CHECK(area[i] == 0);
    memcpy(before, area, sizeof area);
    memset(area + 160, 0x5A, 16); /* xmm0 */
    area[512] |= 3;
    OK(ptrace(PTRACE_SETREGSET, child, (void *)NT_X86_XSTATE, &vector));
    struct user_fpregs_struct floating;
    OK(ptrace(PTRACE_GETFPREGS, child, NULL, &floating));
    CHECK(((unsigned char *)floating.xmm_space)[3] == 0x5A);
    area[512 + 7] = 0x40; /* a component that no processor has */
    FAILS(EINVAL, ptrace(PTRACE_SETREGSET, child, (void *)NT_X86_XSTATE, &vector));
    memcpy(area, before, sizeof area);
    area[512 + 20] = 1; /* reserved */
    FAILS(EINVAL, ptrace(PTRACE_SETREGSET, child, (void *)NT_X86_XSTATE, &vector));
    memcpy(area, before, sizeof area);
    area[27] = (char)0xFF; /* reserved bits of MXCSR */
    FAILS(EINVAL, ptrace(PTRACE_SETREGSET, child, (void *)NT_X86_XSTATE, &vector));
    vector.iov_len = 64;
    FAILS(EFAULT, ptrace(PTRACE_SETREGSET, child, (void *)NT_X86_XSTATE, &vector));
    vector.iov_len = 576;
    OK(ptrace(PTRACE_GETREGSET, child, (void *)NT_X86_XSTATE, &vector));
    CHECK(vector.iov_len == 576);
    floating.mxcsr = 0xFFFFFFFF;
    FAILS(EINVAL, ptrace(PTRACE_SETFPREGS, child, NULL, &floating));
    end(child);
}

/* A signal that comes at a call's entry is seen behind the call, and a fork is begun again. */
static void calls(void)
{
    syscall(SYS_getppid);
    if (syscall(SYS_fork) == 0)
        _exit(0);
    int status;
    wait(&status);
}

static void order(int number, const char *expected)
{
    char seen[128] = "";
    pid_t child = stopped_child(calls);
    OK(ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)PTRACE_O_TRACESYSGOOD));
    int sent = 0, status, begun = 0;
    while (strlen(seen) < 12) {
        OK(ptrace(PTRACE_SYSCALL, child, NULL, NULL));
        RETURNS(child, waitpid(child, &status, 0));
        if (!WIFSTOPPED(status))
            break;
        char what = 's';
        if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
            struct ptrace_syscall_info info = { 0 };
            OK(ptrace(PTRACE_GET_SYSCALL_INFO, child, (void *)sizeof info, &info));
            what = info.op == PTRACE_SYSCALL_INFO_ENTRY ? 'e' : info.exit.rval == -513 ? 'r' : 'x';
            if (what == 'e' && info.entry.nr == (unsigned long)number && !sent++) {
                OK(kill(child, SIGWINCH));
                begun = 1;
            }
        }
        if (begun)
            strncat(seen, (char[]){ what, 0 }, 1);
        if (strlen(seen) == strlen(expected))
            break;
    }
    CHECK(strcmp(seen, expected) == 0);
    if (strcmp(seen, expected) != 0)
        printf("call %d: %s, not %s\n", number, seen, expected);
    end(child);
}

static void debug_registers(void)
{
    pid_t child = stopped_child(NULL);
    size_t base = offsetof(struct user, u_debugreg);
    RETURNS(0, ptrace(PTRACE_PEEKUSR, child, (void *)base, &base));
    OK(ptrace(PTRACE_POKEUSR, child, (void *)(offsetof(struct user, u_debugreg) + 6 * 8), NULL));
    OK(ptrace(PTRACE_POKEUSR, child, (void *)(offsetof(struct user, u_debugreg) + 7 * 8), NULL));
    FAILS(EINVAL, ptrace(PTRACE_POKEUSR, child, (void *)offsetof(struct user, u_debugreg), (void *)-1l));
    FAILS(EIO, ptrace(PTRACE_POKEUSR, child, (void *)(offsetof(struct user, u_debugreg) + 4 * 8), (void *)1));
    end(child);
}

int main(void)
{
    const char *name = make_file("forced", "text");
    check_forced(getpid(), name);
    check_forced(0, name);
    vector_registers();
    order(SYS_getppid, "exsex");
    order(SYS_fork, "ersex");
    debug_registers();
    unlink(name);
    return done();
}
