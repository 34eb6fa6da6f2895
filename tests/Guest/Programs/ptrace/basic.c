/* One process traces another: stops, registers, memory, calls, signals, exec, children. */
#include "check.h"
#include <elf.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

static volatile long word = 41;

/* Waits for a stop of this thread; its wait status. */
static int stop_of(pid_t pid)
{
    int status = -1;
    RETURNS(pid, waitpid(pid, &status, __WALL));
    CHECK(WIFSTOPPED(status));
    return status;
}

static pid_t traced(void (*body)(void))
{
    pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        body();
        _exit(7);
    }
    CHECK(WSTOPSIG(stop_of(child)) == SIGSTOP);
    return child;
}

static void ends_with(pid_t child, int code)
{
    int status;
    RETURNS(child, waitpid(child, &status, 0));
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == code);
}

static void calls_getppid(void)
{
    syscall(SYS_getppid);
    syscall(SYS_getuid);
}

/* The next call's entry and exit; the number. */
static long next_call(pid_t child, struct user_regs_struct *at_entry, struct user_regs_struct *at_exit)
{
    ptrace(PTRACE_SYSCALL, child, NULL, NULL);
    CHECK(WSTOPSIG(stop_of(child)) == (SIGTRAP | 0x80));
    OK(ptrace(PTRACE_GETREGS, child, NULL, at_entry));
    CHECK((long)at_entry->rax == -ENOSYS);
    if (at_entry->orig_rax == SYS_exit_group)
        return SYS_exit_group;
    ptrace(PTRACE_SYSCALL, child, NULL, NULL);
    CHECK(WSTOPSIG(stop_of(child)) == (SIGTRAP | 0x80));
    OK(ptrace(PTRACE_GETREGS, child, NULL, at_exit));
    CHECK(at_exit->orig_rax == at_entry->orig_rax);
    CHECK(at_exit->rip == at_entry->rip);
    CHECK(at_exit->rsp == at_entry->rsp && at_exit->rbx == at_entry->rbx);
    return at_entry->orig_rax;
}

static void calls(void)
{
    pid_t child = traced(calls_getppid);
    OK(ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD));
    struct user_regs_struct entry, after;
    long number;
    while ((number = next_call(child, &entry, &after)) != SYS_getppid && number != SYS_exit_group)
        ;
    RETURNS(SYS_getppid, number);
    CHECK((pid_t)after.rax == getpid());
    RETURNS(SYS_getuid, next_call(child, &entry, &after));
    CHECK((uid_t)after.rax == getuid());
    RETURNS(SYS_exit_group, next_call(child, &entry, &after));
    CHECK(entry.rdi == 7);
    OK(ptrace(PTRACE_CONT, child, NULL, NULL));
    ends_with(child, 7);
}

static void asks_who(void)
{
    if (syscall(SYS_getppid) != 12345)
        _exit(1);
    if (syscall(SYS_getuid) != 99)
        _exit(2);
    char text[] = "never\n";
    if (syscall(SYS_write, 1, text, 0) != (long)getpid())
        _exit(3);
    void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        _exit(4);
    *(char *)map = 1;
}

/* A tracer changes results, suppresses calls and puts others in their place. */
static void changed(void)
{
    pid_t child = traced(asks_who);
    OK(ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD));
    int saw_map = 0;
    for (;;) {
        struct user_regs_struct registers;
        OK(ptrace(PTRACE_SYSCALL, child, NULL, NULL));
        if (!WIFSTOPPED(stop_of(child)))
            break;
        OK(ptrace(PTRACE_GETREGS, child, NULL, &registers));
        long number = registers.orig_rax;
        if (number == SYS_exit_group)
            break;
        if (number == SYS_getuid)
            registers.orig_rax = -1; /* not made at all */
        if (number == SYS_write)
            registers.orig_rax = SYS_getpid;
        saw_map |= number == SYS_mmap;
        OK(ptrace(PTRACE_SETREGS, child, NULL, &registers));
        OK(ptrace(PTRACE_SYSCALL, child, NULL, NULL));
        stop_of(child);
        OK(ptrace(PTRACE_GETREGS, child, NULL, &registers));
        if (number == SYS_getppid)
            registers.rax = 12345;
        if (number == SYS_getuid)
            registers.rax = 99;
        OK(ptrace(PTRACE_SETREGS, child, NULL, &registers));
    }
    CHECK(saw_map);
    OK(ptrace(PTRACE_DETACH, child, NULL, NULL));
    ends_with(child, 7);
}

static void shows_word(void)
{
    if (word == 43)
        _exit(0);
    _exit(1);
}

static void memory(void)
{
    pid_t child = traced(shows_word);
    errno = 0;
    RETURNS(41, ptrace(PTRACE_PEEKDATA, child, &word, NULL));
    OK(ptrace(PTRACE_POKEDATA, child, &word, 43));
    RETURNS(43, ptrace(PTRACE_PEEKTEXT, child, &word, NULL));
    RETURNS(41, word); /* only the child's */
    FAILS(EIO, ptrace(PTRACE_PEEKDATA, child, (void *)8, NULL));
    /* Text is written too: that is how breakpoints are made. */
    long code = ptrace(PTRACE_PEEKTEXT, child, (void *)shows_word, NULL);
    OK(ptrace(PTRACE_POKETEXT, child, (void *)shows_word, (code & ~0xFFl) | 0xCC));
    OK(ptrace(PTRACE_CONT, child, NULL, NULL));
    CHECK(WSTOPSIG(stop_of(child)) == SIGTRAP);
    struct user_regs_struct registers;
    struct iovec vector = { &registers, sizeof registers };
    OK(ptrace(PTRACE_GETREGSET, child, (void *)NT_PRSTATUS, &vector));
    CHECK(vector.iov_len == sizeof registers);
    CHECK(registers.rip == (unsigned long)shows_word + 1);
    CHECK((long)registers.orig_rax == -1);
    RETURNS((long)registers.rip, ptrace(PTRACE_PEEKUSER, child, (void *)offsetof(struct user_regs_struct, rip), NULL));
    struct user_fpregs_struct floating;
    OK(ptrace(PTRACE_GETFPREGS, child, NULL, &floating));
    CHECK(floating.mxcsr != 0);
    OK(ptrace(PTRACE_POKETEXT, child, (void *)shows_word, code));
    registers.rip--;
    OK(ptrace(PTRACE_SETREGSET, child, (void *)NT_PRSTATUS, &vector));
    /* One instruction, and one more. */
    OK(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL));
    CHECK(WSTOPSIG(stop_of(child)) == SIGTRAP);
    siginfo_t info;
    OK(ptrace(PTRACE_GETSIGINFO, child, NULL, &info));
    CHECK(info.si_signo == SIGTRAP && info.si_code == TRAP_TRACE);
    struct user_regs_struct next;
    OK(ptrace(PTRACE_GETREGS, child, NULL, &next));
    CHECK(next.rip > registers.rip && next.rip < registers.rip + 16);
    OK(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL));
    CHECK(WSTOPSIG(stop_of(child)) == SIGTRAP);
    OK(ptrace(PTRACE_CONT, child, NULL, NULL));
    ends_with(child, 0);
}

static volatile int caught;

static void catch_signal(int signal)
{
    caught = signal;
}

static void raises(void)
{
    signal(SIGUSR1, catch_signal);
    signal(SIGUSR2, catch_signal);
    raise(SIGUSR1); /* the tracer takes it away */
    if (caught != 0)
        _exit(1);
    raise(SIGUSR1); /* and makes another of it */
    _exit(caught == SIGUSR2 ? 0 : 2);
}

static void signals(void)
{
    pid_t child = traced(raises);
    OK(ptrace(PTRACE_CONT, child, NULL, NULL));
    CHECK(WSTOPSIG(stop_of(child)) == SIGUSR1);
    siginfo_t info;
    OK(ptrace(PTRACE_GETSIGINFO, child, NULL, &info));
    CHECK(info.si_signo == SIGUSR1 && info.si_pid == child);
    OK(ptrace(PTRACE_CONT, child, NULL, NULL));
    CHECK(WSTOPSIG(stop_of(child)) == SIGUSR1);
    OK(ptrace(PTRACE_CONT, child, NULL, SIGUSR2));
    ends_with(child, 0);
    FAILS(ESRCH, ptrace(PTRACE_CONT, child, NULL, NULL));
}

static void execs(void)
{
    execl("/proc/self/exe", "ptrace_basic", "nothing", NULL);
}

static void forks(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(3);
    int status;
    waitpid(child, &status, 0);
    _exit(WEXITSTATUS(status));
}

static void events(void)
{
    pid_t child = traced(execs);
    OK(ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACEEXEC));
    OK(ptrace(PTRACE_CONT, child, NULL, NULL));
    CHECK(stop_of(child) >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8));
    unsigned long message = 0;
    OK(ptrace(PTRACE_GETEVENTMSG, child, NULL, &message));
    CHECK((pid_t)message == child);
    OK(ptrace(PTRACE_CONT, child, NULL, NULL));
    ends_with(child, 0);

    child = traced(execs); /* without the option: a plain SIGTRAP */
    OK(ptrace(PTRACE_CONT, child, NULL, NULL));
    CHECK(stop_of(child) >> 8 == SIGTRAP);
    OK(ptrace(PTRACE_DETACH, child, NULL, NULL));
    ends_with(child, 0);

    child = traced(forks);
    OK(ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACEFORK | PTRACE_O_TRACEEXIT));
    OK(ptrace(PTRACE_CONT, child, NULL, NULL));
    CHECK(stop_of(child) >> 8 == (SIGTRAP | PTRACE_EVENT_FORK << 8));
    OK(ptrace(PTRACE_GETEVENTMSG, child, NULL, &message));
    pid_t grandchild = message;
    CHECK(WSTOPSIG(stop_of(grandchild)) == SIGSTOP);
    OK(ptrace(PTRACE_CONT, child, NULL, NULL));
    OK(ptrace(PTRACE_CONT, grandchild, NULL, NULL));
    CHECK(stop_of(grandchild) >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8));
    OK(ptrace(PTRACE_GETEVENTMSG, grandchild, NULL, &message));
    CHECK(message == 3 << 8);
    OK(ptrace(PTRACE_CONT, grandchild, NULL, NULL));
    ends_with(grandchild, 3); /* the tracer hears of it, though it is not its child */
    int status = stop_of(child);
    if (WSTOPSIG(status) == SIGCHLD) {
        OK(ptrace(PTRACE_CONT, child, NULL, SIGCHLD));
        status = stop_of(child);
    }
    CHECK(status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8));
    OK(ptrace(PTRACE_CONT, child, NULL, NULL));
    ends_with(child, 3);
}

static void attaching(void)
{
    int ready[2];
    OK(pipe(ready));
    pid_t child = fork();
    if (child == 0) {
        if (write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    char byte;
    RETURNS(1, read(ready[0], &byte, 1));
    FAILS(ESRCH, ptrace(PTRACE_CONT, child, NULL, NULL));
    OK(ptrace(PTRACE_ATTACH, child, NULL, NULL));
    CHECK(WSTOPSIG(stop_of(child)) == SIGSTOP);
    FAILS(EPERM, ptrace(PTRACE_ATTACH, child, NULL, NULL));
    OK(ptrace(PTRACE_DETACH, child, NULL, NULL));

    OK(ptrace(PTRACE_SEIZE, child, NULL, PTRACE_O_TRACESYSGOOD));
    OK(ptrace(PTRACE_INTERRUPT, child, NULL, NULL));
    CHECK(stop_of(child) >> 8 == (SIGTRAP | PTRACE_EVENT_STOP << 8));
    OK(ptrace(PTRACE_SYSCALL, child, NULL, NULL));
    CHECK(WSTOPSIG(stop_of(child)) == (SIGTRAP | 0x80)); /* pause is made again */
    OK(ptrace(PTRACE_CONT, child, NULL, NULL));
    OK(ptrace(PTRACE_KILL, child, NULL, NULL));
    int status;
    RETURNS(child, waitpid(child, &status, 0));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    FAILS(ESRCH, ptrace(PTRACE_ATTACH, child, NULL, NULL));
    FAILS(EPERM, ptrace(PTRACE_ATTACH, getpid(), NULL, NULL));
}

/* A tracer that ends lets go. */
static void abandoned(void)
{
    int answer[2], go[2];
    OK(pipe(answer));
    OK(pipe(go));
    pid_t child = fork();
    if (child == 0) {
        char byte;
        if (read(go[0], &byte, 1) != 1 || write(answer[1], "y", 1) != 1)
            _exit(1);
        _exit(0);
    }
    IN_CHILD({ OK(ptrace(PTRACE_ATTACH, child, NULL, NULL)); CHECK(WSTOPSIG(stop_of(child)) == SIGSTOP); });
    RETURNS(1, write(go[1], "x", 1));
    char byte = 0;
    RETURNS(1, read(answer[0], &byte, 1));
    CHECK(byte == 'y');
    ends_with(child, 0);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return 0;
    calls();
    changed();
    memory();
    signals();
    events();
    attaching();
    abandoned();
    return done();
}
