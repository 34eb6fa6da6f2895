/* timer_create(2): signals, values, threads, overruns, deletion; CPU clocks; what exec and fork make of timers. */
#include "check.h"
#include <pthread.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static volatile int taken, value, overruns, code;
static volatile pid_t taker;

static void on_timer(int signal, siginfo_t *info, void *context)
{
    value = info->si_value.sival_int;
    overruns += info->si_overrun;
    code = info->si_code;
    taker = syscall(SYS_gettid);
    taken++; /* Last: another thread may wait for it, and then look at the rest. */
}

static void catch(int signal)
{
    struct sigaction action = { .sa_sigaction = on_timer, .sa_flags = SA_SIGINFO | SA_RESTART };
    sigaction(signal, &action, NULL);
}

static volatile pid_t thread_id;
static volatile int quit;

static void *thread(void *argument)
{
    thread_id = syscall(SYS_gettid);
    while (!quit)
        sleep_ms(2);
    return NULL;
}

int main(void)
{
    timer_t timer, second;
    struct itimerspec time = { { 0, 0 }, { 0, 20000000 } }, old;
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 77 };
    catch(SIGUSR1);
    catch(SIGALRM);
    RETURNS(0, timer_create(CLOCK_MONOTONIC, &event, &timer));
    struct itimerspec far = { { 0, 0 }, { 1000, 0 } };
    RETURNS(0, timer_settime(timer, 0, &far, NULL));
    RETURNS(0, timer_gettime(timer, &old));
    CHECK(old.it_value.tv_sec > 0 && (old.it_value.tv_sec < 1000 || old.it_value.tv_nsec == 0));
    RETURNS(0, timer_settime(timer, 0, &time, NULL));
    for (int i = 0; i < 500 && !taken; i++)
        sleep_ms(2);
    CHECK(taken == 1 && value == 77 && code == SI_TIMER);
    RETURNS(0, timer_gettime(timer, &old));
    CHECK(old.it_value.tv_sec == 0 && old.it_value.tv_nsec == 0);

    /* Expiries while the signal is blocked are told as overruns of one signal. */
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    taken = overruns = 0;
    time = (struct itimerspec) { { 0, 5000000 }, { 0, 5000000 } };
    RETURNS(0, timer_settime(timer, 0, &time, NULL));
    sleep_ms(100);
    sigprocmask(SIG_SETMASK, &before, NULL);
    CHECK(taken >= 1 && overruns >= 10);
    RETURNS(0, timer_delete(timer));
    FAILS(EINVAL, timer_gettime(timer, &old));
    FAILS(EINVAL, timer_settime(timer, 0, &time, NULL));
    FAILS(EINVAL, timer_delete(timer));

    /* Absolute, in the past: at once. No event: SIGALRM with the id as value. */
    taken = 0;
    RETURNS(0, timer_create(CLOCK_REALTIME, NULL, &timer));
    time = (struct itimerspec) { { 0, 0 }, { 1, 0 } };
    RETURNS(0, timer_settime(timer, TIMER_ABSTIME, &time, NULL));
    for (int i = 0; i < 500 && !taken; i++)
        sleep_ms(2);
    CHECK(taken == 1);
    RETURNS(0, timer_getoverrun(timer));

    /* One thread only. */
    pthread_t other;
    pthread_create(&other, NULL, thread, NULL);
    while (!thread_id)
        sleep_ms(1);
    event = (struct sigevent) { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
    event.sigev_notify_thread_id = thread_id;
    RETURNS(0, timer_create(CLOCK_MONOTONIC, &event, &second));
    taken = 0;
    time = (struct itimerspec) { { 0, 0 }, { 0, 1000000 } };
    RETURNS(0, timer_settime(second, 0, &time, NULL));
    for (int i = 0; i < 500 && !taken; i++)
        sleep_ms(2);
    CHECK(taken == 1 && taker == thread_id);
    quit = 1;
    pthread_join(other, NULL);

    /* A child has no timers of its parent. */
    IN_CHILD({ FAILS(EINVAL, timer_gettime(second, &old)); });

    /* CPU time: comes only while the process works. */
    event = (struct sigevent) { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
    timer_t cpu;
    RETURNS(0, timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &cpu));
    taken = 0;
    time = (struct itimerspec) { { 0, 0 }, { 0, 50000000 } };
    RETURNS(0, timer_settime(cpu, 0, &time, NULL));
    sleep_ms(80);
    RETURNS(0, taken);
    int64_t limit = now_ms() + 5000;
    while (!taken && now_ms() < limit)
        ;
    RETURNS(1, taken);

    /* Errors. */
    FAILS(EINVAL, timer_create(99, NULL, &timer));
    event.sigev_signo = 65;
    FAILS(EINVAL, timer_create(CLOCK_MONOTONIC, &event, &timer));
    return done();
}
