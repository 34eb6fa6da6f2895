// Threads that keep the platform's kick signal blocked, or leave the stub's code by a restartable sequence: nothing may have to wait
// for them, and SIGKILL ends them like anybody.
#include "hostile.h"
#include <linux/futex.h>

// How a signal frame lies in memory from its ucontext on.
struct forged {
    uint64_t flags, link, ss_sp, ss_flags, ss_size;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
    uint16_t cs, gs, fs, ss;
    uint64_t err, trapno, oldmask, cr2, fpstate, reserved[8];
    uint64_t mask;
};

static volatile uint64_t *beat; // Shared: what a living thread counts up.

// Finds mov eax, 15; syscall in the stub's code.
static uint64_t restorer(void)
{
    const unsigned char *code = (const unsigned char *)WINDOW_CODE;
    for (int at = 0; at + 7 < 4096; at++)
        if (!memcmp(code + at, "\xb8\x0f\0\0\0\x0f\x05", 7))
            return WINDOW_CODE + at;
    fail("the stub has no restorer", 0);
    exit(1);
}

static __attribute__((noreturn)) void go_deaf(void (*f)(void), int altstack)
{
    static __thread struct forged u;
    static __thread char stack[65536];
    memset(&u, 0, sizeof u);
    u.flags = 6;
    u.rip = (uint64_t)f;
    u.rsp = (((uint64_t)stack + sizeof stack) & ~15UL) - 8;
    u.eflags = 0x202;
    u.cs = 0x33;
    u.ss = 0x2b;
    u.mask = ~0UL;
    if (altstack) { // The host's alternate stack goes somewhere else, too.
        u.ss_sp = (uint64_t)stack;
        u.ss_size = 16384;
    }
    asm volatile("mov %0, %%rsp\n jmp *%1" ::"r"(&u), "r"(restorer()) : "memory");
    __builtin_unreachable();
}

static void spin(void)
{
    for (;;)
        ++*beat;
}

static void call(void)
{
    for (;;) {
        ++*beat;
        syscall(SYS_getppid);
    }
}

static void yield_natively(void)
{
    for (;;) {
        ++*beat;
        syscall(SYS_sched_yield);
    }
}

static void wait_natively(void)
{
    for (;;) {
        ++*beat;
        syscall(324, 1, 0, 0); // membarrier, which sleeps.
    }
}

static void fork_on(void)
{
    for (;;) {
        ++*beat;
        if (syscall(SYS_fork) == 0)
            syscall(SYS_exit_group, 0);
    }
}

static void (*what)(void);
static int uses_altstack;

static void *deaf_thread(void *unused) { go_deaf(what, uses_altstack); }

static void alone(void) { go_deaf(what, uses_altstack); }

static void among_threads(void)
{
    pthread_t t;
    for (int i = 0; i < 3; i++)
        pthread_create(&t, 0, deaf_thread, 0);
    for (;;)
        pause();
}

static void without_leader(void)
{
    pthread_t t;
    pthread_create(&t, 0, deaf_thread, 0);
    syscall(SYS_exit, 0);
}

static char vm_stack[65536];
static int in_vm(void *unused)
{
    for (;;)
        pause();
}

// Another process has the same memory, and dies with it where the first does not come when it is called.
static void sharing_memory(void)
{
    clone(in_vm, vm_stack + sizeof vm_stack, CLONE_VM, 0);
    go_deaf(what, 0);
}

static void with_shared_mapping(void)
{
    mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    among_threads();
}

static void group_exit(void)
{
    pthread_t t;
    pthread_create(&t, 0, deaf_thread, 0);
    usleep(100000);
    _exit(3); // All of it ends, the deaf thread as well.
}

// The thread leaves the handler's code with the handler's mask, which blocks everything.
extern char after_abort[];
asm(".text\n .balign 16\n .long 0x53053053\n .globl after_abort\nafter_abort:\n mov beat(%rip), %rax\n 1: incq (%rax)\n jmp 1b\n");
static struct { uint32_t version, flags; uint64_t start, length, abort; } __attribute__((aligned(32))) sequence;
extern const unsigned int __rseq_size __attribute__((weak));
extern const long __rseq_offset __attribute__((weak));
static volatile uint64_t *slot;
static void *put_sequence(void *unused)
{
    for (;;)
        *slot = (uint64_t)&sequence;
}

// In a group of its own: a child that is led astray later is a process like any, which outlives its parent.
static __attribute__((noreturn)) void fork_and_wait(void)
{
    for (;;) {
        pid_t child = syscall(SYS_fork);
        if (child == 0)
            syscall(SYS_exit_group, 0);
        if (child > 0)
            waitpid(child, 0, 0);
    }
}

static void lay_sequence(void)
{
    sequence.start = WINDOW_CODE;
    sequence.length = 0x1000;
    sequence.abort = (uint64_t)after_abort;
}

static void by_sequence(void)
{
    slot = (volatile uint64_t *)((char *)__builtin_thread_pointer() + __rseq_offset + 8);
    lay_sequence();
    setpgid(0, 0);
    pthread_t t;
    pthread_create(&t, 0, put_sequence, 0);
    fork_and_wait();
}

// Another process writes the area, which lies in shared memory: the one that forks has but one thread.
static void by_shared_sequence(void)
{
    const unsigned bytes = 32, mark = 0x53053053, take_back = 1;
    char *area = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    slot = (volatile uint64_t *)(area + 8);
    lay_sequence();
    setpgid(0, 0);
    pid_t self = getpid();
    if (fork() == 0)
        while (getppid() == self)
            for (int i = 0; i < 100000; i++)
                *slot = (uint64_t)&sequence;
    if (getpid() != self)
        _exit(0);
    syscall(334, (char *)__builtin_thread_pointer() + __rseq_offset, bytes, take_back, mark);
    if (syscall(334, area, bytes, 0, mark))
        fail("rseq in shared memory", errno);
    fork_and_wait();
}

// Keeps the futex buckets of everybody for as long as it can.
static void wake_operations(void)
{
    static uint32_t words[4096];
    pthread_t t;
    pthread_create(&t, 0, deaf_thread, 0);
    usleep(100000);
    for (unsigned i = 0;; i++)
        syscall(SYS_futex, &words[i % 4096], FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 1, 1, &words[(i * 7) % 4096], 0x10001000);
}

// What honest processes need goes on meanwhile: threads, futexes, forks.
static void *nothing(void *value) { return value; }

static void serve(const char *against)
{
    for (int i = 0; i < 20; i++) {
        long long start = now_ms();
        pthread_t threads[8];
        for (int k = 0; k < 8; k++)
            if (pthread_create(&threads[k], 0, nothing, 0))
                fail("pthread_create meanwhile", k);
        for (int k = 0; k < 8; k++)
            pthread_join(threads[k], 0);
        pid_t child = fork();
        if (child == 0)
            _exit(7);
        int status = 0;
        if (child < 0 || waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 7)
            fail("fork meanwhile", status);
        if (now_ms() - start > 4000) {
            printf("against %s: ", against);
            fail("others had to wait (ms)", now_ms() - start);
        }
    }
}

static void dies(const char *name, void (*body)(void), void (*loop)(void), int altstack, int by_itself)
{
    fflush(stdout);
    what = loop;
    uses_altstack = altstack;
    pid_t child = fork();
    if (child == 0) {
        setresgid(1000, 1000, 1000);
        setresuid(1000, 1000, 1000);
        body();
        _exit(0);
    }
    usleep(300000);
    serve(name);
    if (!by_itself && kill(getpgid(child) == child ? -child : child, SIGKILL))
        fail("kill", errno);
    int status = 0;
    long long end = now_ms() + 20000;
    pid_t gone;
    while ((gone = waitpid(child, &status, WNOHANG)) == 0 && now_ms() < end)
        usleep(1000);
    if (gone != child) {
        printf("%s: ", name);
        fail("it outlives SIGKILL", gone);
        return;
    }
    // Nobody of it may still run: not a thread, not another process of the same memory.
    usleep(500000);
    uint64_t before = *beat;
    usleep(300000);
    if (*beat != before) {
        printf("%s: ", name);
        fail("its code runs on", *beat - before);
    }
}

// A stop either holds it or ends it; it does not run on.
static void stops(void)
{
    what = spin;
    pid_t child = fork();
    if (child == 0)
        alone();
    usleep(200000);
    kill(child, SIGSTOP);
    usleep(1500000);
    uint64_t before = *beat;
    usleep(300000);
    if (*beat != before)
        fail("it runs on after SIGSTOP", *beat - before);
    kill(child, SIGKILL);
    waitpid(child, 0, 0);
}

int main(int count, char **arguments)
{
    static uint64_t own;
    beat = &own;
    if (count > 1 && !strcmp(arguments[1], "idle")) { // For the tests outside: a container that does nothing else.
        puts("deaf");
        fflush(stdout);
        what = spin;
        if (count > 2)
            among_threads();
        alone();
    }
    beat = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    dies("alone", alone, spin, 0, 0);
    dies("with another signal stack", alone, spin, 1, 0);
    dies("calling", alone, call, 0, 0);
    dies("yielding", alone, yield_natively, 0, 0);
    dies("sleeping natively", alone, wait_natively, 0, 0);
    dies("forking", alone, fork_on, 0, 0);
    dies("threads", among_threads, spin, 0, 0);
    dies("without leader", without_leader, spin, 0, 0);
    dies("shared mapping", with_shared_mapping, spin, 0, 0);
    dies("shared memory", sharing_memory, spin, 0, 0);
    dies("exit_group", group_exit, spin, 0, 1);
    dies("FUTEX_WAKE_OP", wake_operations, spin, 0, 0);
    // Often, for it is the child of a fork now and then that goes astray.
    for (int round = 0; round < 10 && &__rseq_size && __rseq_size; round++)
        dies("restartable sequence", round % 2 ? by_shared_sequence : by_sequence, spin, 0, 0);
    stops();
    return finish();
}
