/* setitimer(2), alarm(2), timer_create(2). */
#include "check.h"
#include <sys/time.h>

static volatile int ticks, value;

static void tick(int signal, siginfo_t *info, void *context)
{
    ticks++;
    value = info->si_code == SI_TIMER ? info->si_value.sival_int : -1;
}

int main(void)
{
    struct sigaction action = { .sa_sigaction = tick, .sa_flags = SA_SIGINFO | SA_RESTART };
    sigaction(SIGALRM, &action, NULL);
    sigaction(SIGVTALRM, &action, NULL);
    sigaction(SIGPROF, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    struct itimerval set = { { 0, 10000 }, { 0, 20000 } }, old;
    int64_t start = now_ms();
    RETURNS(0, setitimer(ITIMER_REAL, &set, NULL));
    RETURNS(0, getitimer(ITIMER_REAL, &old));
    CHECK(old.it_value.tv_usec > 0 && old.it_value.tv_usec <= 20000 && old.it_interval.tv_usec == 10000);
    while (ticks < 5)
        pause();
    CHECK(now_ms() - start >= 58);
    memset(&set, 0, sizeof set);
    RETURNS(0, setitimer(ITIMER_REAL, &set, &old));
    RETURNS(10000, old.it_interval.tv_usec);
    int before = ticks;
    sleep_ms(30);
    RETURNS(before, ticks);

    RETURNS(0, alarm(100));
    RETURNS(100, alarm(1));
    RETURNS(1, alarm(0));
    RETURNS(0, alarm(0));

    /* CPU time timers fire only while the process computes. */
    ticks = 0;
    set.it_value.tv_usec = 20000;
    RETURNS(0, setitimer(ITIMER_VIRTUAL, &set, NULL));
    sleep_ms(60);
    RETURNS(0, ticks);
    volatile long sum = 0;
    for (int64_t until = now_ms() + 3000; now_ms() < until && ticks == 0;)
        for (int i = 0; i < 100000; i++)
            sum += i;
    RETURNS(1, ticks);
    set.it_value.tv_usec = 1000000;
    FAILS(EINVAL, setitimer(ITIMER_REAL, &set, NULL));
    FAILS(EINVAL, setitimer(9, &set, NULL));

    /* POSIX timers carry a value and count overruns. */
    timer_t timer;
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 4711 };
    RETURNS(0, timer_create(CLOCK_MONOTONIC, &event, &timer));
    struct itimerspec spec = { { 0, 0 }, { 0, 15000000 } };
    ticks = 0;
    RETURNS(0, timer_settime(timer, 0, &spec, NULL));
    for (int i = 0; i < 500 && ticks == 0; i++)
        sleep_ms(2);
    CHECK(ticks == 1 && value == 4711);
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    spec.it_interval.tv_nsec = spec.it_value.tv_nsec = 5000000;
    RETURNS(0, timer_settime(timer, 0, &spec, NULL));
    sleep_ms(60);
    siginfo_t info;
    RETURNS(SIGUSR1, sigwaitinfo(&mask, &info));
    CHECK(info.si_code == SI_TIMER && info.si_overrun >= 5);
    CHECK(timer_getoverrun(timer) >= 5);
    struct itimerspec now;
    RETURNS(0, timer_gettime(timer, &now));
    CHECK(now.it_interval.tv_nsec == 5000000);
    RETURNS(0, timer_delete(timer));
    FAILS(EINVAL, timer_delete(timer));
    event.sigev_notify = SIGEV_NONE;
    RETURNS(0, timer_create(CLOCK_REALTIME, &event, &timer));
    RETURNS(0, timer_delete(timer));
    FAILS(EINVAL, timer_create(99, &event, &timer));
    return done();
}
