/* sigaction(2): handlers, siginfo, flags, errors. */
#include "check.h"
#include <ucontext.h>

static volatile sig_atomic_t count, last_code, last_pid, depth, nested_depth, mask_ok;
static volatile uintptr_t stack_pointer, context_pointer;

static void plain(int signal)
{
    count++;
}

static void detailed(int signal, siginfo_t *info, void *context)
{
    count++;
    last_code = info->si_code;
    last_pid = info->si_pid;
    ucontext_t *machine = context;
    stack_pointer = (uintptr_t)&machine;
    context_pointer = machine->uc_mcontext.gregs[REG_RSP];
}

static void nesting(int signal)
{
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    mask_ok = sigismember(&now, signal) == 1 && sigismember(&now, SIGUSR2) == 1 && sigismember(&now, SIGTERM) == 0;
    if (++depth == 1)
        raise(signal); /* blocked while this handler runs */
    nested_depth = depth;
}

int main(void)
{
    struct sigaction action = { .sa_handler = plain }, old;
    RETURNS(0, sigaction(SIGUSR1, &action, NULL));
    RETURNS(0, raise(SIGUSR1));
    RETURNS(1, count);
    RETURNS(0, sigaction(SIGUSR1, NULL, &old));
    CHECK(old.sa_handler == plain);

    action.sa_sigaction = detailed;
    action.sa_flags = SA_SIGINFO;
    RETURNS(0, sigaction(SIGUSR1, &action, NULL));
    RETURNS(0, kill(getpid(), SIGUSR1));
    CHECK(count == 2 && last_code == SI_USER && last_pid == getpid());
    CHECK(context_pointer > stack_pointer && context_pointer - stack_pointer < 1 << 16);
    RETURNS(0, raise(SIGUSR1));
    RETURNS(SI_TKILL, last_code);

    /* SA_RESETHAND: once. */
    action.sa_handler = plain;
    action.sa_flags = SA_RESETHAND;
    RETURNS(0, sigaction(SIGUSR1, &action, NULL));
    raise(SIGUSR1);
    sigaction(SIGUSR1, NULL, &old);
    CHECK(old.sa_handler == SIG_DFL);

    /* The signal itself and sa_mask are blocked during the handler; the mask comes back afterwards. */
    action.sa_handler = nesting;
    action.sa_flags = 0;
    sigaddset(&action.sa_mask, SIGUSR2);
    RETURNS(0, sigaction(SIGUSR1, &action, NULL));
    raise(SIGUSR1);
    CHECK(mask_ok);
    RETURNS(2, depth); /* the second came after the first had returned */
    RETURNS(2, nested_depth);
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    CHECK(sigismember(&now, SIGUSR1) == 0);

    /* SA_NODEFER: it comes at once. */
    depth = 0;
    action.sa_flags = SA_NODEFER;
    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    RETURNS(2, nested_depth);

    /* Ignored signals vanish. */
    signal(SIGUSR2, SIG_IGN);
    RETURNS(0, raise(SIGUSR2));
    FAILS(EINVAL, sigaction(SIGKILL, &action, NULL));
    FAILS(EINVAL, sigaction(SIGSTOP, &action, NULL));
    FAILS(EINVAL, syscall(SYS_rt_sigaction, 65, NULL, NULL, 8));
    FAILS(EINVAL, syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 4));
    FAILS(EFAULT, syscall(SYS_rt_sigaction, SIGUSR1, 8, NULL, 8));
    RETURNS(0, syscall(SYS_rt_sigaction, SIGKILL, NULL, NULL, 8));

    /* Many in a row, the registers and the floating point survive. */
    action.sa_handler = plain;
    action.sa_flags = 0;
    sigaction(SIGUSR1, &action, NULL);
    count = 0;
    volatile double number = 1.5;
    for (int i = 0; i < 300; i++) {
        double before = number * i;
        raise(SIGUSR1);
        CHECK(before == number * i);
    }
    RETURNS(300, count);
    return done();
}
