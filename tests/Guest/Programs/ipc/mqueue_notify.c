/* mq_notify: who is told of the first message, how, and when no longer. */
#include "check.h"
#include <mqueue.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/socket.h>

static mqd_t queue;

static const char *state(void)
{
    static char text[128];
    ssize_t length = pread(queue, text, sizeof text - 1, 0);
    text[length < 0 ? 0 : length] = 0;
    return text;
}

static const char *expected(int bytes, int kind, int number, int pid)
{
    static char text[128];
    snprintf(text, sizeof text, "QSIZE:%-10d NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", bytes, kind, number, pid);
    return text;
}

#define STATE(...) CHECK(strcmp(state(), expected(__VA_ARGS__)) == 0)

static void drain(void)
{
    char text[8];
    struct timespec past = { 1, 0 };
    while (mq_timedreceive(queue, text, sizeof text, NULL, &past) >= 0)
        ;
}

static struct sigevent signal_event(int number)
{
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = number, .sigev_value.sival_int = 4711 };
    return event;
}

static void refusals(void)
{
    struct sigevent event = { .sigev_notify = 3 };
    FAILS(EINVAL, syscall(SYS_mq_notify, queue, &event));
    event = signal_event(65);
    FAILS(EINVAL, mq_notify(queue, &event));
    event = signal_event(-1);
    FAILS(EINVAL, mq_notify(queue, &event));
    FAILS(EFAULT, syscall(SYS_mq_notify, queue, 8));
    RETURNS(0, mq_notify(queue, NULL)); /* nothing to take back */
    char cookie[32] = "";
    struct sigevent thread = { .sigev_notify = SIGEV_THREAD, .sigev_value.sival_ptr = cookie, .sigev_signo = -1 };
    FAILS(EBADF, syscall(SYS_mq_notify, queue, &thread));
    thread.sigev_signo = queue;
    FAILS(ENOTSOCK, syscall(SYS_mq_notify, queue, &thread));
    thread.sigev_signo = socket(AF_UNIX, SOCK_STREAM, 0);
    FAILS(EINVAL, syscall(SYS_mq_notify, queue, &thread));
    close(thread.sigev_signo);
    thread.sigev_value.sival_ptr = (void *)8;
    FAILS(EFAULT, syscall(SYS_mq_notify, queue, &thread));
    STATE(0, 0, 0, 0);
}

static void signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    struct sigevent event = signal_event(SIGUSR1);
    struct timespec now = { 0, 0 }, second = { 1, 0 };
    siginfo_t info;

    OK(mq_notify(queue, &event));
    FAILS(EBUSY, mq_notify(queue, &event));
    STATE(0, SIGEV_SIGNAL, SIGUSR1, getpid());
    pid_t child = fork();
    if (child == 0) {
        struct sigevent none = { .sigev_notify = SIGEV_NONE };
        FAILS(EBUSY, mq_notify(queue, &none));
        RETURNS(0, mq_notify(queue, NULL)); /* only one's own can be taken back */
        mq_close(queue);
        queue = mq_open("/notify", O_RDWR);
        OK(mq_send(queue, "abc", 3, 0));
        _exit(done());
    }
    RETURNS(SIGUSR1, sigtimedwait(&set, &info, &second));
    CHECK(info.si_code == SI_MESGQ && info.si_value.sival_int == 4711 && info.si_pid == child && info.si_uid == getuid());
    CHILD_OK(child);
    STATE(3, 0, 0, 0); /* told once */

    OK(mq_notify(queue, &event));
    OK(mq_send(queue, "x", 1, 0)); /* it was not empty */
    FAILS(EAGAIN, sigtimedwait(&set, &info, &now));
    drain();
    OK(mq_notify(queue, NULL));
    OK(mq_send(queue, "x", 1, 0));
    FAILS(EAGAIN, sigtimedwait(&set, &info, &now));
    drain();

    /* Who waits for the message has it, and nobody is told. */
    OK(mq_notify(queue, &event));
    child = fork();
    if (child == 0) {
        char text[8];
        _exit(mq_receive(queue, text, sizeof text, NULL) != 1);
    }
    sleep_ms(50);
    OK(mq_send(queue, "x", 1, 0));
    CHILD_OK(child);
    FAILS(EAGAIN, sigtimedwait(&set, &info, &now));
    STATE(0, SIGEV_SIGNAL, SIGUSR1, getpid());

    /* Closing any descriptor of the queue takes it back. */
    OK(close(dup(queue)));
    STATE(0, 0, 0, 0);

    /* The end of the process, too. */
    child = fork();
    if (child == 0)
        _exit(mq_notify(queue, &event) != 0);
    CHILD_OK(child);
    STATE(0, 0, 0, 0);

    event.sigev_signo = 0;
    OK(mq_notify(queue, &event));
    STATE(0, SIGEV_SIGNAL, 0, getpid());
    OK(mq_send(queue, "x", 1, 0));
    STATE(1, 0, 0, 0);
    drain();

    struct sigevent none = { .sigev_notify = SIGEV_NONE };
    OK(mq_notify(queue, &none));
    STATE(0, SIGEV_NONE, 0, getpid());
    OK(mq_send(queue, "x", 1, 0));
    STATE(1, 0, 0, 0);
    drain();
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* SIGEV_THREAD as the kernel knows it: a cookie that comes back by a netlink socket. */
static void cookies(void)
{
    int socket_ = OK(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
    char cookie[32] = "thirty-one bytes are the user's", got[64];
    struct sigevent event = { .sigev_notify = SIGEV_THREAD, .sigev_signo = socket_, .sigev_value.sival_ptr = cookie };
    OK(syscall(SYS_mq_notify, queue, &event));
    STATE(0, SIGEV_THREAD, 0, getpid());
    FAILS(EAGAIN, recv(socket_, got, sizeof got, MSG_DONTWAIT));
    OK(mq_send(queue, "x", 1, 0));
    RETURNS(32, recv(socket_, got, sizeof got, 0));
    CHECK(memcmp(got, cookie, 31) == 0 && got[31] == 1);
    drain();
    OK(syscall(SYS_mq_notify, queue, &event));
    OK(mq_notify(queue, NULL));
    RETURNS(32, recv(socket_, got, sizeof got, 0));
    CHECK(memcmp(got, cookie, 31) == 0 && got[31] == 2);
    OK(syscall(SYS_mq_notify, queue, &event));
    close(socket_);
    OK(mq_send(queue, "x", 1, 0)); /* nobody takes the cookie */
    drain();
}

static sem_t told;
static int given;

static void on_message(union sigval value)
{
    given = value.sival_int;
    sem_post(&told);
}

static void threads(void)
{
    sem_init(&told, 0, 0);
    for (int round = 1; round <= 3; round++) {
        struct sigevent event = {
            .sigev_notify = SIGEV_THREAD, .sigev_notify_function = on_message, .sigev_value.sival_int = round,
        };
        OK(mq_notify(queue, &event));
        OK(mq_send(queue, "x", 1, 0));
        struct timespec limit;
        clock_gettime(CLOCK_REALTIME, &limit);
        limit.tv_sec += 5;
        OK(sem_timedwait(&told, &limit));
        RETURNS(round, given);
        drain();
    }
}

/* A program that execve left the descriptor to is not told what its predecessor asked for. */
static void after_exec(const char *self)
{
    pid_t child = fork();
    if (child == 0) {
        struct sigevent event = signal_event(SIGTERM);
        OK(fcntl(queue, F_SETFD, 0));
        OK(mq_notify(queue, &event));
        char number[16];
        snprintf(number, sizeof number, "%d", queue);
        execl(self, self, number, NULL);
        _exit(98);
    }
    CHILD_OK(child);
    drain();
}

int main(int count, char **arguments)
{
    if (count > 1) {
        queue = atoi(arguments[1]);
        STATE(0, SIGEV_SIGNAL, SIGTERM, getpid());
        OK(mq_send(queue, "x", 1, 0));
        STATE(1, 0, 0, 0);
        return done();
    }

    OK(unshare(CLONE_NEWIPC));
    struct mq_attr attributes = { .mq_maxmsg = 4, .mq_msgsize = 8 };
    queue = OK(mq_open("/notify", O_CREAT | O_RDWR, 0600, &attributes));
    refusals();
    signals();
    cookies();
    threads();
    after_exec(arguments[0]);
    return done();
}
