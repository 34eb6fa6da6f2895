/* sigaltstack(2). */
#include "check.h"

static char stack[65536];
static volatile int on_stack, status_flags;

static void handler(int signal)
{
    char here;
    on_stack = &here >= stack && &here < stack + sizeof stack;
    stack_t now;
    sigaltstack(NULL, &now);
    status_flags = now.ss_flags;
    if (signal == SIGUSR1) {
        stack_t other = { .ss_flags = SS_DISABLE };
        CHECK(sigaltstack(&other, NULL) == -1 && errno == EPERM);
    }
}

#pragma GCC diagnostic ignored "-Winfinite-recursion"
static int recurse(int depth)
{
    volatile char room[4096];
    room[0] = depth;
    return recurse(depth + 1) + room[0];
}

static void overflow(int signal, siginfo_t *info, void *context)
{
    char here;
    _exit(signal == SIGSEGV && &here >= stack && &here < stack + sizeof stack ? 0 : 1);
}

int main(void)
{
    stack_t set = { .ss_sp = stack, .ss_size = sizeof stack }, old;
    RETURNS(0, sigaltstack(NULL, &old));
    RETURNS(SS_DISABLE, old.ss_flags);
    set.ss_size = 100;
    FAILS(ENOMEM, sigaltstack(&set, NULL));
    set.ss_size = sizeof stack;
    set.ss_flags = 0x40;
    FAILS(EINVAL, sigaltstack(&set, NULL));
    set.ss_flags = 0;
    RETURNS(0, sigaltstack(&set, NULL));
    RETURNS(0, sigaltstack(NULL, &old));
    CHECK(old.ss_sp == stack && old.ss_size == sizeof stack && old.ss_flags == 0);

    struct sigaction action = { .sa_handler = handler, .sa_flags = SA_ONSTACK };
    sigaction(SIGUSR1, &action, NULL);
    action.sa_flags = 0;
    sigaction(SIGUSR2, &action, NULL);
    raise(SIGUSR2);
    CHECK(!on_stack && status_flags == 0);
    raise(SIGUSR1);
    CHECK(on_stack && status_flags == SS_ONSTACK);

    IN_CHILD({
        sigaltstack(NULL, &old); /* fork keeps it */
        CHECK(old.ss_sp == stack);
        struct sigaction fault = { .sa_sigaction = overflow, .sa_flags = SA_ONSTACK | SA_SIGINFO };
        sigaction(SIGSEGV, &fault, NULL);
        recurse(0);
    });
    return done();
}
