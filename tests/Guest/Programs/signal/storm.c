/* Many signals, from many sides, in the middle of calculations and calls: nothing is lost, no register is hurt. */
#include "check.h"
#include <pthread.h>
#include <sys/time.h>

static volatile long ticks, queued, in_order = 1;
static volatile double noise = 1;

static void on_tick(int signal)
{
    ticks++;
    for (int i = 0; i < 10; i++)
        noise = noise * 1.0000001 + 0.5; /* uses the registers that the interrupted code uses */
}

static void on_queued(int signal, siginfo_t *info, void *context)
{
    if (info->si_value.sival_int != queued || info->si_code != SI_QUEUE || info->si_pid != getpid())
        in_order = 0;
    queued++;
}

static double work(void)
{
    double sum = 0, a = 1.5, b = 2.5, c = 3.5, d = 4.5;
    for (int i = 0; i < 3000000; i++) {
        sum += a * b - c / d;
        a += 0.0000001;
        d += 0.0000002;
    }
    return sum;
}

static void *reader(void *argument)
{
    int *ends = argument;
    char byte;
    long total = 0;
    for (int i = 0; i < 2000; i++) {
        ssize_t count = read(ends[0], &byte, 1); /* SA_RESTART: never EINTR */
        if (count != 1)
            return (void *)-1;
        total += byte;
    }
    return (void *)total;
}

int main(void)
{
    double quiet = work();
    struct sigaction action = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
    sigaction(SIGALRM, &action, NULL);
    struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = { { 0, 0 }, { 0, 0 } };
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < 5; i++)
        CHECK(work() == quiet);

    int ends[2];
    pthread_t thread;
    RETURNS(0, pipe(ends));
    RETURNS(0, pthread_create(&thread, NULL, reader, ends));
    for (int i = 0; i < 2000; i++) {
        char byte = 1;
        RETURNS(1, write(ends[1], &byte, 1));
    }
    void *total;
    RETURNS(0, pthread_join(thread, &total));
    RETURNS(2000, (long)total);

    /* fork, exit and wait under fire. */
    for (int i = 0; i < 50; i++) {
        int status;
        pid_t child = OK(fork()), waited;
        if (child == 0)
            _exit(i);
        while ((waited = waitpid(child, &status, 0)) < 0 && errno == EINTR)
            ;
        CHECK(waited == child && WEXITSTATUS(status) == i);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    CHECK(ticks > 5);

    /* Real-time signals arrive all, and in order. */
    struct sigaction ordered = { .sa_sigaction = on_queued, .sa_flags = SA_SIGINFO };
    sigaction(SIGRTMIN + 3, &ordered, NULL);
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 3);
    sigprocmask(SIG_BLOCK, &set, &old);
    for (int i = 0; i < 500; i++)
        RETURNS(0, sigqueue(getpid(), SIGRTMIN + 3, (union sigval) { .sival_int = i }));
    sigprocmask(SIG_SETMASK, &old, NULL);
    RETURNS(500, queued);
    CHECK(in_order);
    return done();
}
