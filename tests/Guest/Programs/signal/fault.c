/* SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP from the CPU, with si_code and si_addr; going on after them. */
#include "check.h"
#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

static sigjmp_buf back;
static volatile int signal_seen, code_seen;
static volatile uintptr_t address_seen;

static void handler(int signal, siginfo_t *info, void *context)
{
    signal_seen = signal;
    code_seen = info->si_code;
    address_seen = (uintptr_t)info->si_addr;
    siglongjmp(back, 1);
}

static char *repaired;

static void repair(int signal, siginfo_t *info, void *context)
{
    signal_seen++;
    mprotect(repaired, 4096, PROT_READ | PROT_WRITE); /* then the instruction runs again */
}

static void skip(int signal, siginfo_t *info, void *context)
{
    ucontext_t *machine = context;
    machine->uc_mcontext.gregs[REG_RIP] += 2; /* over ud2 */
    machine->uc_mcontext.gregs[REG_RAX] = 1234;
}

#define EXPECT_FAULT(signal, code, address, ...) do { signal_seen = 0; \
    if (sigsetjmp(back, 1) == 0) { __VA_ARGS__; } \
    RETURNS(signal, signal_seen); RETURNS(code, code_seen); \
    if (address) RETURNS((long)(address), (long)address_seen); } while (0)

int main(void)
{
    struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
    int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };
    for (int i = 0; i < 5; i++)
        sigaction(signals[i], &action, NULL);
    volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd = OK(open("f", O_RDWR | O_CREAT, 0644));
    RETURNS(0, ftruncate(fd, 100));
    volatile char *file = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    volatile char *hole = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap((void *)hole, 8192); /* last, so that nothing else lands there */
    EXPECT_FAULT(SIGSEGV, SEGV_MAPERR, hole + 17, hole[17] = 1);
    EXPECT_FAULT(SIGSEGV, SEGV_MAPERR, hole + 18, (void)hole[18]);
    EXPECT_FAULT(SIGSEGV, SEGV_ACCERR, page + 5, page[5] = 1);
    EXPECT_FAULT(SIGSEGV, SEGV_ACCERR, page, ((void (*)(void))page)());
    EXPECT_FAULT(SIGSEGV, SI_KERNEL, 0, *(volatile char *)0x8000000000000000ull = 1);

    file[50] = 'x';
    EXPECT_FAULT(SIGBUS, BUS_ADRERR, file + 4096, file[4096] = 1);

    volatile int zero = 0;
    EXPECT_FAULT(SIGFPE, FPE_INTDIV, 0, zero = 100 / zero);
    EXPECT_FAULT(SIGILL, ILL_ILLOPN, 0, __asm__ volatile("ud2"));
    EXPECT_FAULT(SIGTRAP, SI_KERNEL, 0, __asm__ volatile("int3"));

    /* A handler may mend the cause. */
    repaired = (char *)page;
    action.sa_sigaction = repair;
    sigaction(SIGSEGV, &action, NULL);
    signal_seen = 0;
    page[7] = 42;
    CHECK(signal_seen == 1 && page[7] == 42);

    /* Or change where to go on and the registers. */
    action.sa_sigaction = skip;
    sigaction(SIGILL, &action, NULL);
    long result;
    __asm__ volatile("xor %%eax, %%eax; ud2" : "=a"(result));
    RETURNS(1234, result);

    /* A blocked or ignored fault kills. */
    for (int i = 0; i < 2; i++) {
        pid_t child = fork();
        if (child == 0) {
            sigset_t set;
            sigemptyset(&set);
            sigaddset(&set, SIGSEGV);
            if (i == 0)
                sigprocmask(SIG_BLOCK, &set, NULL);
            else
                signal(SIGSEGV, SIG_IGN);
            hole[0] = 1;
            _exit(0);
        }
        int status;
        RETURNS(child, waitpid(child, &status, 0));
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    }
    return done();
}
