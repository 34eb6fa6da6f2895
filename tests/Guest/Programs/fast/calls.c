/*
 * Calls made so often from one place that a sandbox may rewrite the place: whatever it does, the program must not notice.
 * Signals, threads, fork, vfork and exec while calls are under way; registers; code made at run time.
 */
#include "check.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <ucontext.h>

#define MANY 5000

static char text[] = "0123456789abcdefghijklmnopqrstuvwxyz";
static int file;

/* The place: libc's pread and getppid load the number right before the call, and so does this. */
static __attribute__((noinline)) long call(long number, long a, long b, long c)
{
    return syscall(number, a, b, c, 0, 0, 0);
}

static void reads(int count)
{
    for (int i = 0; i < count; i++) {
        char got[8];
        int at = i % 20;
        if (pread(file, got, sizeof got, at) != sizeof got || memcmp(got, text + at, sizeof got) != 0) {
            CHECK(!"pread reads what is there");
            return;
        }
    }
}

static void same(long number, long wanted)
{
    for (int i = 0; i < 600; i++) {
        if (call(number, 0, 0, 0) != wanted) {
            complain(__FILE__, __LINE__, "an id stays", number, errno);
            return;
        }
    }
}

static void *own_thread(void *process)
{
    pid_t self = call(SYS_gettid, 0, 0, 0);
    CHECK(self != (pid_t)(long)process);
    same(SYS_gettid, self);
    same(SYS_getpid, (long)process);
    return NULL;
}

/* Ids are asked for over and over, and then they change, or may not be asked for any more. */
static void identity(void)
{
    pid_t parent = getpid();
    same(SYS_getpid, parent);
    same(SYS_gettid, parent);
    for (int i = 0; i < 5; i++) {
        pthread_t thread;
        IN_CHILD({
            pid_t self = call(SYS_getpid, 0, 0, 0);
            CHECK(self != parent && call(SYS_gettid, 0, 0, 0) == self && getppid() == parent);
            same(SYS_getpid, self);
            same(SYS_gettid, self);
            pthread_create(&thread, NULL, own_thread, (void *)(long)self);
            pthread_join(thread, NULL);
            same(SYS_getuid, 0);
            same(SYS_getegid, 0);
            CHECK(syscall(SYS_setresgid, 2000, 2001, 2002) == 0);
            CHECK(call(SYS_getgid, 0, 0, 0) == 2000 && call(SYS_getegid, 0, 0, 0) == 2001);
            CHECK(syscall(SYS_setresuid, 1000, 1001, 1002) == 0);
            CHECK(call(SYS_getuid, 0, 0, 0) == 1000 && call(SYS_geteuid, 0, 0, 0) == 1001);
            same(SYS_getuid, 1000);
            same(SYS_geteuid, 1001);
            same(SYS_getgid, 2000);
            same(SYS_getegid, 2001);
            CHECK(syscall(SYS_setresuid, -1, 1002, -1) == 0 && call(SYS_geteuid, 0, 0, 0) == 1002);
        });
        IN_CHILD({
            same(SYS_getuid, 0);
            struct sock_filter code[] = {
                { BPF_LD | BPF_W | BPF_ABS, 0, 0, 0 }, { BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_getuid },
                { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | 77 }, { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW } };
            struct sock_fprog program = { 4, code };
            CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
            CHECK(call(SYS_getuid, 0, 0, 0) == -1 && errno == 77);
            same(SYS_geteuid, 0);
            same(SYS_getuid, -1);
        });
    }
    same(SYS_getpid, parent);
}

static void ids(int count)
{
    pid_t self = getpid(), parent = getppid();
    for (int i = 0; i < count; i++) {
        if (getppid() != parent || call(SYS_getpid, 0, 0, 0) != self || syscall(SYS_close, -1) != -1 || errno != EBADF) {
            CHECK(!"ids stay what they are");
            return;
        }
    }
}

static volatile int ticks;

static void on_tick(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info;
    ucontext_t *at = context;
    if (at->uc_mcontext.gregs[REG_RIP] < 0x100000)
        CHECK(!"a signal interrupts the program's own code");
    int saved = errno;
    ids(1);
    ticks++;
    errno = saved;
}

static void signals(void)
{
    struct sigaction action = { .sa_sigaction = on_tick, .sa_flags = SA_SIGINFO | SA_RESTART };
    sigaction(SIGALRM, &action, NULL);
    struct itimerval timer = { { 0, 1000 }, { 0, 1000 } };
    setitimer(ITIMER_REAL, &timer, NULL);
    while (ticks < 20) {
        reads(200);
        ids(100);
    }
    timer = (struct itimerval){ { 0, 0 }, { 0, 0 } };
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void on_user(int signal)
{
    (void)signal;
}

static int ends[2];
static volatile int is_done;

/* A byte at a time through a pipe that is empty most of the time: calls that block, and some that are interrupted. */
static void *reader(void *unused)
{
    char byte;
    for (int i = 0; i < 500; i++) {
        ssize_t count;
        while ((count = call(SYS_read, ends[0], (long)&byte, 1)) < 0 && errno == EINTR)
            ;
        if (count != 1 || byte != (char)i) {
            CHECK(!"the pipe keeps order");
            break;
        }
    }
    is_done = 1;
    return unused;
}

static void blocking(void)
{
    struct sigaction action = { .sa_handler = on_user };
    sigaction(SIGUSR1, &action, NULL);
    pthread_t thread;
    CHECK(pipe(ends) == 0);
    pthread_create(&thread, NULL, reader, NULL);
    for (int i = 0; i < 500; i++) {
        char byte = i;
        if (i % 50 == 0)
            pthread_kill(thread, SIGUSR1);
        CHECK(call(SYS_write, ends[1], (long)&byte, 1) == 1);
    }
    while (!is_done) {
        pthread_kill(thread, SIGUSR1);
        sleep_ms(1);
    }
    pthread_join(thread, NULL);
}

/* read(2) itself, whose place may be rewritten while threads are blocked in it, some of them interrupted. */
#define SLEEPERS 4
static int pipes[SLEEPERS][2], restarted[SLEEPERS];
static volatile int interruptions;

static void on_interrupt(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info;
    if (((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] < 0x100000)
        CHECK(!"a read is interrupted in the program's own code");
    interruptions++;
}

static void *sleeper(void *which)
{
    int i = (int)(long)which;
    for (int round = 0; round < 3; round++) {
        char byte = 0;
        ssize_t count = read(pipes[i][0], &byte, 1);
        if (count == -1 && errno == EINTR && i % 2 == 0) {
            round--;
            restarted[i]++;
            continue;
        }
        if (count != 1 || byte != 'a' + round) {
            CHECK(!"a blocked read gets what is written");
            break;
        }
    }
    return NULL;
}

static void blocked_reads(void)
{
    pthread_t all[SLEEPERS];
    struct sigaction action = { .sa_sigaction = on_interrupt, .sa_flags = SA_SIGINFO };
    sigaction(SIGUSR1, &action, NULL);
    action.sa_flags |= SA_RESTART;
    sigaction(SIGUSR2, &action, NULL);
    for (long i = 0; i < SLEEPERS; i++) {
        CHECK(pipe(pipes[i]) == 0);
        pthread_create(&all[i], NULL, sleeper, (void *)i);
    }
    sleep_ms(20);
    int zero = open("/dev/zero", O_RDONLY);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++) {
            char got[3] = { 1, 1, 1 };
            if (read(zero, got, 2) != 2 || got[0] != 0 || got[1] != 0 || got[2] != 1 || (i % 16 == 0 && read(-1, got, 1) != -1)) {
                CHECK(!"read gives zeros");
                break;
            }
            if (i % 1000 == 500)
                pthread_kill(all[i / 1000 % SLEEPERS], i / 1000 % 2 ? SIGUSR2 : SIGUSR1);
        }
        char byte = 'a' + round;
        for (int i = 0; i < SLEEPERS; i++)
            CHECK(write(pipes[i][1], &byte, 1) == 1);
    }
    for (int i = 0; i < SLEEPERS; i++)
        pthread_join(all[i], NULL);
    CHECK(interruptions > 0 && restarted[1] == 0 && restarted[3] == 0);
}

/* Go's shape: the argument is moved, then the call and a comparison. */
static void go_calls(void)
{
    for (int i = 0; i < MANY; i++) {
        register long number __asm__("rax") = i % 3 ? SYS_getppid : SYS_close;
        long is_error;
        __asm__ volatile(
            "mov $-1, %%rbx\n .balign 16\n mov %%rbx, %%rdi\n syscall\n cmp $-4095, %%rax\n sbb %%rcx, %%rcx\n"
            : "+r"(number), "=c"(is_error) : : "rbx", "rdi", "r11", "memory", "cc");
        if (number != (i % 3 ? getppid() : -EBADF) || (is_error == 0) != (i % 3 == 0)) {
            CHECK(!"the comparison behind a call sees its result");
            return;
        }
    }
}

static void *worker(void *unused)
{
    pid_t self = syscall(SYS_gettid);
    for (int i = 0; i < 20; i++) {
        reads(MANY / 20);
        if (syscall(SYS_gettid) != self)
            CHECK(!"a thread keeps its id");
    }
    return unused;
}

static void threads(void)
{
    pthread_t all[4];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4; i++)
            pthread_create(&all[i], NULL, worker, NULL);
        for (int i = 0; i < 4; i++)
            pthread_join(all[i], NULL);
    }
}

static void children(void)
{
    pid_t parent = getpid();
    for (int i = 0; i < 20; i++) {
        IN_CHILD({
            CHECK(getppid() == parent);
            reads(100);
            ids(100);
            if (i % 5 == 0)
                IN_CHILD(reads(1000); ids(1000));
        });
        pid_t child = vfork();
        if (child == 0) {
            call(SYS_getppid, 0, 0, 0);
            execl("/proc/self/exe", "again", "exec", NULL);
            _exit(1);
        }
        CHILD_OK(child);
        reads(50);
    }
}

/* A child that is killed, or whose group ends, in the middle of its calls. */
static void ends_of_life(void)
{
    for (int i = 0; i < 10; i++) {
        int ready[2];
        char byte = 0;
        CHECK(pipe(ready) == 0);
        pid_t child = fork();
        if (child == 0) {
            pthread_t thread;
            pthread_create(&thread, NULL, worker, NULL);
            reads(400);
            if (write(ready[1], &byte, 1) != 1)
                _exit(9);
            if (i % 2) {
                reads(50);
                _exit(3);
            }
            for (;;)
                reads(1000);
        }
        CHECK(read(ready[0], &byte, 1) == 1);
        if (i % 2 == 0)
            kill(child, SIGKILL);
        int status;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(i % 2 ? WIFEXITED(status) && WEXITSTATUS(status) == 3 : WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        close(ready[0]);
        close(ready[1]);
    }
}

/* All registers but rax, rcx and r11 stay. (Linux keeps the flags, too; no compiler counts on it.) */
static void registers(void)
{
    for (int i = 0; i < MANY; i++) {
        unsigned long before = 0x11111111ul * i, in[7], out[7], flags_in = (i & 1) | (i & 2 ? 0x40 : 0) | (i & 4 ? 0x800 : 0);
        unsigned long flags = 0, number = 0;
        for (int j = 0; j < 7; j++)
            in[j] = before + j;
        __asm__ volatile(
            "push %%rbx; push %%rbp; sub $128, %%rsp\n mov %[in], %%rcx\n push %[out]\n push %[flags]\n"
            "mov 0(%%rcx), %%rdi; mov 8(%%rcx), %%rsi; mov 16(%%rcx), %%rdx; mov 24(%%rcx), %%r10\n"
            "mov 32(%%rcx), %%r8; mov 40(%%rcx), %%r9; mov 48(%%rcx), %%rbx\n"
            "popfq\n mov $110, %%eax\n syscall\n pushfq\n pop %%rbp\n pop %%rcx\n"
            "mov %%rdi, 0(%%rcx); mov %%rsi, 8(%%rcx); mov %%rdx, 16(%%rcx); mov %%r10, 24(%%rcx)\n"
            "mov %%r8, 32(%%rcx); mov %%r9, 40(%%rcx); mov %%rbx, 48(%%rcx)\n mov %%rbp, %%r11\n"
            "add $128, %%rsp; pop %%rbp; pop %%rbx\n mov %%r11, %[after]\n"
            : [after] "=r"(flags), "=&a"(number)
            : [in] "r"(in), [out] "r"(out), [flags] "r"(flags_in | 0x202)
            : "rcx", "r11", "rdi", "rsi", "rdx", "r10", "r8", "r9", "memory");
        if (memcmp(in, out, sizeof in) != 0 || (pid_t)number != getppid()) {
            CHECK(!"a call changes nothing but its result");
            return;
        }
    }
}

static volatile int steps;

static void on_step(int signal)
{
    (void)signal;
    steps++;
}

/* A call that was made often is single-stepped: the steps come to an end, and it still answers. */
static void stepping(void)
{
    struct sigaction action = { .sa_handler = on_step };
    sigaction(SIGTRAP, &action, NULL);
    for (int i = 0; i < 620; i++) {
        unsigned long trap = i < 600 ? 0 : 0x100, answer;
        __asm__ volatile(
            "sub $128, %%rsp\n pushfq\n or %[trap], (%%rsp)\n popfq\n mov $110, %%eax\n syscall\n"
            "pushfq\n andq $~0x100, (%%rsp)\n popfq\n add $128, %%rsp\n"
            : "=&a"(answer) : [trap] "r"(trap) : "rcx", "r11", "memory", "cc");
        if ((pid_t)answer != getppid() || (i < 600 && steps != 0)) {
            CHECK(!"a stepped call answers");
            return;
        }
    }
    CHECK(steps > 0);
}

/* Code made at run time, changed between calls, and once with the call across two pages. */
static void made_code(void)
{
    unsigned char code[] = { 0xB8, SYS_getppid, 0, 0, 0, 0x0F, 0x05, 0xC3 };
    char *area = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(area != MAP_FAILED);
    long wanted[] = { getppid(), getpid() };
    for (int offset = 4096 - 6; offset >= 0; offset -= 4096 - 6) {
        for (int round = 0; round < 6; round++) {
            code[1] = round % 2 ? SYS_getpid : SYS_getppid;
            memcpy(area + offset, code, sizeof code);
            for (int i = 0; i < 400; i++) {
                if (((long (*)(void))(area + offset))() != wanted[round % 2]) {
                    CHECK(!"new code is what runs");
                    return;
                }
            }
        }
    }
}

/* Program text from files, one after the other at the same address, and changed in place: as dlclose and dlopen do. */
static void mapped_code(void)
{
    static const unsigned char shapes[][16] = {
        { 0xB8, SYS_getppid, 0, 0, 0, 0x0F, 0x05, 0xC3 },
        { 0xB8, SYS_getpid, 0, 0, 0, 0x0F, 0x05, 0xC3 },
        { 0x90, 0x90, 0x90, 0x31, 0xC0, 0x0F, 0x05, 0x48, 0x3D, 0x00, 0xF0, 0xFF, 0xFF, 0x19, 0xC0, 0xC3 }, /* read; sbb eax,eax */
    };
    char *at = NULL;
    for (int i = 0; i < 6; i++) {
        int text = open("text", O_RDWR | O_CREAT | O_TRUNC, 0755);
        CHECK(text >= 0 && write(text, shapes[i % 3], 16) == 16 && ftruncate(text, 4096) == 0);
        char *code = mmap(at, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | (at ? MAP_FIXED : 0), text, 0);
        CHECK(code != MAP_FAILED && close(text) == 0);
        int (*function)(int, void *, size_t) = (void *)code;
        for (int j = 0; j < 400; j++) {
            /* The comparison behind read tells values (-1) from errors (0). */
            int wanted = i % 3 == 0 ? getppid() : i % 3 == 1 ? getpid() : j % 2 ? -1 : 0;
            if (function(j % 2 ? file : -1, at, 0) != wanted) {
                CHECK(!"mapped code is what runs");
                return;
            }
        }
        CHECK(mprotect(code, 4096, PROT_READ | PROT_WRITE) == 0);
        memcpy(code, shapes[1], 16);
        CHECK(mprotect(code, 4096, PROT_READ | PROT_EXEC) == 0 && function(0, 0, 0) == getpid());
        IN_CHILD(CHECK(function(0, 0, 0) == getpid()));
        CHECK(munmap(code, 4096) == 0);
        at = code;
    }
}

int main(int argc, char **argv __attribute__((unused)))
{
    file = open("data", O_RDWR | O_CREAT, 0644);
    CHECK(file >= 0 && pwrite(file, text, sizeof text, 0) == sizeof text);
    if (argc > 1) { /* the child of vfork */
        reads(600);
        ids(300);
        blocked_reads();
        return done();
    }
    reads(MANY);
    ids(MANY);
    identity();
    registers();
    stepping();
    made_code();
    mapped_code();
    signals();
    blocking();
    go_calls();
    blocked_reads();
    threads();
    children();
    ends_of_life();
    return done();
}
