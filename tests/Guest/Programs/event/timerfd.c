/* timerfd_create(2) and friends. */
#include "check.h"
#include <poll.h>
#include <sys/timerfd.h>

int main(void)
{
    uint64_t ticks = 0;
    struct itimerspec spec = { { 0, 0 }, { 0, 30000000 } }, old;
    int fd = OK(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    FAILS(EAGAIN, read(fd, &ticks, 8));
    int64_t start = now_ms();
    RETURNS(0, timerfd_settime(fd, 0, &spec, NULL));
    RETURNS(0, timerfd_gettime(fd, &old));
    CHECK(old.it_value.tv_sec == 0 && old.it_value.tv_nsec > 0 && old.it_value.tv_nsec <= 30000000);
    FAILS(EAGAIN, read(fd, &ticks, 8));
    struct pollfd poller = { fd, POLLIN, 0 };
    RETURNS(1, poll(&poller, 1, 2000));
    int64_t took = now_ms() - start;
    CHECK(took >= 29 && took < 1000);
    RETURNS(8, read(fd, &ticks, 8));
    RETURNS(1, ticks);
    FAILS(EAGAIN, read(fd, &ticks, 8));
    RETURNS(0, timerfd_gettime(fd, &old));
    CHECK(old.it_value.tv_sec == 0 && old.it_value.tv_nsec == 0);

    /* Periods are counted. */
    spec.it_interval.tv_nsec = spec.it_value.tv_nsec = 10000000;
    RETURNS(0, timerfd_settime(fd, 0, &spec, NULL));
    sleep_ms(105);
    RETURNS(8, read(fd, &ticks, 8));
    CHECK(ticks >= 9 && ticks <= 60);

    /* Setting clears what has expired; zero disarms and tells what was left. */
    sleep_ms(25);
    spec.it_value.tv_sec = 100;
    RETURNS(0, timerfd_settime(fd, 0, &spec, NULL));
    FAILS(EAGAIN, read(fd, &ticks, 8));
    memset(&spec, 0, sizeof spec);
    RETURNS(0, timerfd_settime(fd, 0, &spec, &old));
    CHECK(old.it_value.tv_sec == 100 || old.it_value.tv_sec == 99);
    FAILS(EAGAIN, read(fd, &ticks, 8));

    /* An absolute time in the past fires at once. */
    spec.it_value.tv_nsec = 1;
    RETURNS(0, timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL));
    sleep_ms(2);
    RETURNS(8, read(fd, &ticks, 8));

    /* Blocking. */
    fd = OK(timerfd_create(CLOCK_REALTIME, 0));
    spec.it_value.tv_nsec = 20000000;
    RETURNS(0, timerfd_settime(fd, 0, &spec, NULL));
    RETURNS(8, read(fd, &ticks, 8));
    RETURNS(1, ticks);
    FAILS(EINVAL, timerfd_create(99, 0));
    FAILS(EINVAL, timerfd_create(CLOCK_MONOTONIC, 1));
    spec.it_value.tv_nsec = 1000000000;
    FAILS(EINVAL, timerfd_settime(fd, 0, &spec, NULL));
    FAILS(EINVAL, timerfd_settime(0, 0, &old, NULL));
    FAILS(EINVAL, read(fd, &ticks, 4));
    return done();
}
