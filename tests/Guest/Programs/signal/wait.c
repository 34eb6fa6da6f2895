/* sigwaitinfo(2), sigtimedwait(2), sigqueue(3), real-time order. */
#include "check.h"

int main(void)
{
    sigset_t set;
    siginfo_t info;
    struct timespec none = { 0, 0 }, brief = { 0, 30000000 };
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN + 1);
    sigaddset(&set, SIGRTMIN + 2);
    RETURNS(0, sigprocmask(SIG_BLOCK, &set, NULL));
    FAILS(EAGAIN, sigtimedwait(&set, &info, &none));
    int64_t start = now_ms();
    FAILS(EAGAIN, sigtimedwait(&set, &info, &brief));
    CHECK(now_ms() - start >= 29);
    kill(getpid(), SIGUSR1);
    RETURNS(SIGUSR1, sigwaitinfo(&set, &info));
    CHECK(info.si_signo == SIGUSR1 && info.si_pid == getpid() && info.si_code == SI_USER && info.si_uid == getuid());

    for (int i = 0; i < 3; i++) {
        union sigval value = { .sival_int = i };
        RETURNS(0, sigqueue(getpid(), SIGRTMIN + 2, value));
        RETURNS(0, sigqueue(getpid(), SIGRTMIN + 1, value));
    }
    for (int i = 0; i < 6; i++) {
        int expected = i < 3 ? SIGRTMIN + 1 : SIGRTMIN + 2;
        RETURNS(expected, sigtimedwait(&set, &info, &none));
        CHECK(info.si_code == SI_QUEUE && info.si_value.sival_int == i % 3);
    }
    FAILS(EAGAIN, sigtimedwait(&set, &info, &none));

    /* Another process wakes it. */
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        sleep_ms(20);
        union sigval value = { .sival_int = 99 };
        _exit(sigqueue(parent, SIGRTMIN + 1, value) != 0);
    }
    RETURNS(SIGRTMIN + 1, sigwaitinfo(&set, &info));
    CHECK(info.si_pid == child && info.si_value.sival_int == 99);
    CHILD_OK(child);
    int got;
    kill(getpid(), SIGUSR1);
    RETURNS(0, sigwait(&set, &got));
    RETURNS(SIGUSR1, got);
    none.tv_nsec = -1;
    FAILS(EINVAL, sigtimedwait(&set, &info, &none));
    return done();
}
