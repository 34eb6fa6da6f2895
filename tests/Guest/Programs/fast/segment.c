/*
 * Programs that use the gs register for themselves, before and after calls were made so often that a sandbox may have
 * rewritten them: gs is theirs, whatever a sandbox does with it, and wherever it leads.
 */
#include "check.h"
#include <asm/prctl.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/user.h>
#include <ucontext.h>

#define MANY 2000
#define AREA (1 << 20)
#define HAS_FSGSBASE 2

static char text[] = "0123456789abcdefghijklmnopqrstuvwxyz";
static int file;
static char *area;

static unsigned long base(int code)
{
    unsigned long value = 0;
    CHECK(syscall(SYS_arch_prctl, code, &value) == 0);
    return value;
}

static void set_gs(unsigned long value)
{
    CHECK(syscall(SYS_arch_prctl, ARCH_SET_GS, value) == 0);
}

static long gs_word(void)
{
    long word;
    __asm__ volatile("mov %%gs:0, %0" : "=r"(word));
    return word;
}

/* Calls of all kinds: an id, one without data, one with output, one with input, an error. */
static void calls(int count)
{
    pid_t self = getpid(), parent = getppid();
    for (int i = 0; i < count; i++) {
        char got[8];
        int at = i % 20;
        if (pread(file, got, sizeof got, at) != sizeof got || memcmp(got, text + at, sizeof got) != 0 || getppid() != parent
            || syscall(SYS_getpid) != self || access("data", F_OK) != 0 || syscall(SYS_close, -1) != -1 || errno != EBADF) {
            CHECK(!"calls answer as ever");
            return;
        }
    }
}

static void with_base(unsigned long value, int count)
{
    set_gs(value);
    calls(count);
    CHECK(base(ARCH_GET_GS) == value);
    calls(count / 10);
}

/* A base that leads to nothing, wherever somebody looks relative to it, and to what no pointer may be. */
static void nowhere(void)
{
    with_base((unsigned long)area - 0x100000000ul, MANY / 10);
    with_base(0x7ffffffff000ul - 0x1000, MANY / 10);
    with_base(0x7fffffffeff0ul, MANY / 10);
    with_base(1, MANY / 10);
    with_base(0, MANY);
    CHECK(syscall(SYS_arch_prctl, ARCH_SET_GS, 0x8000000000000000ul) == -1 && errno == EPERM);
}

/* Memory of the program's own, full of zeros, of addresses that are good, bad and impossible. */
static void somewhere(void)
{
    static const unsigned long words[] = { 0, 1, 0x60000, 0x6fff00030000ul, 0x6fff80000000ul, 0x123456789abcdef0ul, -1ul };
    unsigned long *start = (unsigned long *)area;
    for (unsigned i = 0; i <= sizeof words / sizeof words[0]; i++) {
        for (unsigned j = 0; j < AREA / sizeof *start; j++)
            start[j] = i < sizeof words / sizeof words[0] ? words[i] : (unsigned long)area;
        unsigned long wanted = start[0];
        with_base((unsigned long)area, MANY / 10);
        CHECK((unsigned long)gs_word() == wanted);
        for (unsigned j = 0; j < AREA / sizeof *start; j++) {
            if (start[j] != wanted) {
                CHECK(!"nobody writes what gs leads to");
                break;
            }
        }
    }
    with_base(0, MANY / 10);
}

static void *inheriting(void *wanted)
{
    CHECK(base(ARCH_GET_GS) == (unsigned long)wanted);
    calls(MANY / 10);
    with_base((unsigned long)area + 0x1000, MANY / 10);
    with_base(0, MANY);
    with_base((unsigned long)area - 0x200000000ul, MANY / 10);
    return NULL;
}

static void children(unsigned long value)
{
    pthread_t thread;
    set_gs(value);
    IN_CHILD({
        CHECK(base(ARCH_GET_GS) == value);
        calls(MANY / 10);
        IN_CHILD(CHECK(base(ARCH_GET_GS) == value));
    });
    CHECK(pthread_create(&thread, NULL, inheriting, (void *)value) == 0);
    calls(MANY / 10);
    pthread_join(thread, NULL);
    CHECK(base(ARCH_GET_GS) == value);
    set_gs(0);
    calls(MANY);
    CHECK(pthread_create(&thread, NULL, inheriting, NULL) == 0);
    pthread_join(thread, NULL);
}

/* The same without a call, where programs may do that. */
static void by_instruction(void)
{
    if (!(getauxval(AT_HWCAP2) & HAS_FSGSBASE))
        return;
    for (int i = 0; i < 4; i++) {
        unsigned long wanted = (unsigned long)area + 64 * i, got;
        *(unsigned long *)wanted = i;
        __asm__ volatile("wrgsbase %0" : : "r"(wanted));
        calls(MANY / 10);
        __asm__ volatile("rdgsbase %0" : "=r"(got));
        CHECK(got == wanted && gs_word() == i && base(ARCH_GET_GS) == wanted);
        __asm__ volatile("wrgsbase %0" : : "r"(0ul));
        calls(MANY / 10);
    }
}

static volatile int ticks;

static void on_tick(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info;
    if (((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] < 0x100000)
        CHECK(!"a signal interrupts the program's own code");
    int saved = errno;
    calls(1);
    set_gs(base(ARCH_GET_GS) ^ 0x10000);
    errno = saved;
    ticks++;
}

/* Handlers change gs between calls and in the middle of them: nothing puts it back. */
static void signals(void)
{
    struct sigaction action = { .sa_sigaction = on_tick, .sa_flags = SA_SIGINFO | SA_RESTART };
    sigaction(SIGALRM, &action, NULL);
    set_gs((unsigned long)area);
    struct itimerval timer = { { 0, 1000 }, { 0, 1000 } };
    setitimer(ITIMER_REAL, &timer, NULL);
    while (ticks < 20)
        calls(20);
    timer = (struct itimerval){ { 0, 0 }, { 0, 0 } };
    setitimer(ITIMER_REAL, &timer, NULL);
    CHECK(base(ARCH_GET_GS) == ((unsigned long)area ^ (ticks % 2 ? 0x10000 : 0)));
    set_gs(0);
}

static void stop(pid_t child)
{
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
}

/* A tracer sees the bases, and sets them. */
static void tracing(void)
{
    int ends[2];
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        unsigned long fs = base(ARCH_GET_FS);
        CHECK(write(ends[1], &fs, sizeof fs) == sizeof fs);
        calls(MANY);
        raise(SIGSTOP);
        set_gs((unsigned long)area);
        raise(SIGSTOP);
        CHECK(base(ARCH_GET_GS) == (unsigned long)area + 0x40);
        calls(MANY / 10);
        CHECK(base(ARCH_GET_GS) == (unsigned long)area + 0x40);
        _exit(failures > 0);
    }
    unsigned long fs = 0;
    struct user_regs_struct registers;
    CHECK(read(ends[0], &fs, sizeof fs) == sizeof fs);
    stop(child);
    CHECK(ptrace(PTRACE_GETREGS, child, 0, &registers) == 0 && registers.fs_base == fs && registers.gs_base == 0);
    CHECK(ptrace(PTRACE_CONT, child, 0, 0) == 0);
    stop(child);
    CHECK(ptrace(PTRACE_GETREGS, child, 0, &registers) == 0 && registers.fs_base == fs);
    CHECK(registers.gs_base == (unsigned long)area);
    registers.gs_base += 0x40;
    CHECK(ptrace(PTRACE_SETREGS, child, 0, &registers) == 0 && ptrace(PTRACE_CONT, child, 0, 0) == 0);
    CHILD_OK(child);
    close(ends[0]);
    close(ends[1]);
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    ucontext_t *at = context;
    fprintf(stderr, "signal %d, code %d, address %p at %llx\n", signal, info->si_code, info->si_addr, at->uc_mcontext.gregs[REG_RIP]);
    _exit(99);
}

int main(void)
{
    struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    file = open("data", O_RDWR | O_CREAT, 0644);
    CHECK(file >= 0 && pwrite(file, text, sizeof text, 0) == sizeof text);
    area = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(area != MAP_FAILED);
    IN_CHILD(with_base((unsigned long)area, MANY); with_base(0, MANY));
    IN_CHILD(calls(MANY); somewhere(); calls(MANY); children((unsigned long)area));
    IN_CHILD(calls(MANY); nowhere());
    IN_CHILD(calls(MANY); by_instruction(); signals());
    IN_CHILD(children((unsigned long)area - 0x100000000ul));
    tracing();
    calls(MANY);
    CHECK(base(ARCH_GET_GS) == base(ARCH_GET_GS));
    return done();
}
