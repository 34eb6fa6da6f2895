/* clock_gettime(2), clock_getres(2), gettimeofday(2), time(2), nanosleep(2), clock_nanosleep(2), times(2). */
#include "check.h"
#include <sys/time.h>
#include <sys/times.h>

static int64_t at(clockid_t clock)
{
    struct timespec time;
    RETURNS(0, clock_gettime(clock, &time));
    CHECK(time.tv_nsec >= 0 && time.tv_nsec < 1000000000);
    return time.tv_sec * 1000000000ll + time.tv_nsec;
}

int main(void)
{
    struct timespec time, res;
    struct timeval tv;
    int clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW,
                     CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME };
    for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        int64_t first = at(clocks[i]), second = at(clocks[i]);
        CHECK(second >= first);
        RETURNS(0, clock_getres(clocks[i], &res));
        CHECK(res.tv_sec == 0 && res.tv_nsec > 0);
        RETURNS(0, syscall(SYS_clock_gettime, clocks[i], &time)); /* by the real call, not the vDSO */
        int64_t third = time.tv_sec * 1000000000ll + time.tv_nsec;
        CHECK(third >= second - 50000000 && third < second + 1000000000);
    }
    FAILS(EINVAL, clock_gettime(77, &time));
    FAILS(EFAULT, syscall(SYS_clock_gettime, CLOCK_REALTIME, 8));
    RETURNS(0, gettimeofday(&tv, NULL));
    CHECK(llabs(tv.tv_sec - at(CLOCK_REALTIME) / 1000000000) <= 1);
    CHECK(llabs((long long)(syscall(SYS_time, NULL) - tv.tv_sec)) <= 1);
    CHECK(tv.tv_sec > 1600000000);

    int64_t start = at(CLOCK_MONOTONIC);
    time = (struct timespec) { 0, 25000000 };
    RETURNS(0, nanosleep(&time, NULL));
    int64_t took = at(CLOCK_MONOTONIC) - start;
    CHECK(took >= 25000000 && took < 1000000000);
    time.tv_nsec = 1000000000;
    FAILS(EINVAL, nanosleep(&time, NULL));
    time = (struct timespec) { -1, 0 };
    FAILS(EINVAL, nanosleep(&time, NULL));

    clock_gettime(CLOCK_MONOTONIC, &time);
    start = at(CLOCK_MONOTONIC);
    time.tv_nsec += 20000000;
    if (time.tv_nsec >= 1000000000)
        time.tv_sec++, time.tv_nsec -= 1000000000;
    RETURNS(0, clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL));
    CHECK(at(CLOCK_MONOTONIC) - start >= 19000000);
    RETURNS(0, clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL)); /* the past: at once */
    clock_gettime(CLOCK_REALTIME, &time);
    time.tv_nsec = time.tv_nsec / 2;
    RETURNS(0, clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &time, NULL));
    RETURNS(EINVAL, clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &time, NULL));

    /* CPU clocks run with work and stand with sleep. */
    int64_t cpu = at(CLOCK_PROCESS_CPUTIME_ID);
    sleep_ms(60);
    CHECK(at(CLOCK_PROCESS_CPUTIME_ID) - cpu < 40000000);
    volatile long sum = 0;
    for (int64_t until = now_ms() + 60; now_ms() < until;)
        for (int i = 0; i < 10000; i++)
            sum += i;
    CHECK(at(CLOCK_PROCESS_CPUTIME_ID) - cpu > 5000000);
    struct tms buffer;
    CHECK(times(&buffer) != (clock_t)-1);
    CHECK(sysconf(_SC_CLK_TCK) == 100);
    return done();
}
