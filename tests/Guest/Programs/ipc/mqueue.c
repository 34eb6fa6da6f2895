/* POSIX message queues: names, attributes, order, waiting, hand-over. */
#include "check.h"
#include <mqueue.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>

#define MODE 0600

static mqd_t make(const char *name, long messages, long bytes, int flags)
{
    struct mq_attr attributes = { .mq_maxmsg = messages, .mq_msgsize = bytes };
    return OK(mq_open(name, O_CREAT | O_EXCL | flags, MODE, &attributes));
}

static struct timespec after_ms(long milliseconds)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    time.tv_nsec += milliseconds % 1000 * 1000000;
    time.tv_sec += milliseconds / 1000 + time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return time;
}

static const char *receive(mqd_t queue, unsigned *priority)
{
    static char text[8192];
    ssize_t length = mq_receive(queue, text, sizeof text - 1, priority);
    text[length < 0 ? 0 : length] = 0;
    return text;
}

static void names(void)
{
    FAILS(ENOENT, mq_open("/none", O_RDWR));
    FAILS(ENOENT, mq_unlink("/none"));
    FAILS(ENOENT, syscall(SYS_mq_open, "", O_RDWR | O_CREAT, MODE, NULL));
    FAILS(EACCES, syscall(SYS_mq_open, "/slash", O_RDWR | O_CREAT, MODE, NULL));
    FAILS(EACCES, syscall(SYS_mq_open, "a/b", O_RDWR | O_CREAT, MODE, NULL));
    FAILS(EACCES, syscall(SYS_mq_open, ".", O_RDWR | O_CREAT, MODE, NULL));
    FAILS(EACCES, syscall(SYS_mq_open, "..", O_RDONLY, MODE, NULL));
    FAILS(EACCES, syscall(SYS_mq_unlink, "a/b"));
    FAILS(EFAULT, syscall(SYS_mq_open, NULL, O_RDWR, MODE, NULL));
    FAILS(EFAULT, syscall(SYS_mq_open, "x", O_RDWR | O_CREAT, MODE, (void *)8));
    char name[300];
    memset(name, 'n', sizeof name);
    name[256] = 0;
    FAILS(ENAMETOOLONG, syscall(SYS_mq_open, name, O_RDWR | O_CREAT, MODE, NULL));
    name[255] = 0;
    mqd_t longest = OK(syscall(SYS_mq_open, name, O_RDWR | O_CREAT, MODE, NULL));
    OK(mq_close(longest));
    OK(syscall(SYS_mq_unlink, name));

    mqd_t one = make("/named", 2, 16, O_RDWR);
    FAILS(EEXIST, mq_open("/named", O_CREAT | O_EXCL | O_RDWR, MODE, NULL));
    FAILS(EINVAL, syscall(SYS_mq_open, "named", O_ACCMODE, 0, NULL));
    mqd_t two = OK(mq_open("/named", O_CREAT | O_WRONLY, 0, NULL)); /* it is there: attributes and mode mean nothing */
    FAILS(EBADF, mq_receive(two, name, 16, NULL));
    RETURNS(FD_CLOEXEC, fcntl(two, F_GETFD));
    RETURNS(O_WRONLY, fcntl(two, F_GETFL) & O_ACCMODE);
    OK(mq_send(two, "kept", 4, 0));
    OK(mq_unlink("/named"));
    FAILS(ENOENT, mq_open("/named", O_RDONLY));
    CHECK(strcmp(receive(one, NULL), "kept") == 0); /* it lives on without its name */
    struct stat state;
    OK(fstat(one, &state));
    CHECK(S_ISREG(state.st_mode) && (state.st_mode & 0777) == MODE && state.st_size == 80 && state.st_nlink == 0);
    mqd_t other = make("/named", 1, 1, O_RDWR);
    OK(mq_close(two));
    OK(mq_close(one));
    OK(mq_close(other));
    OK(mq_unlink("/named"));
}

static void attributes(void)
{
    mqd_t queue = OK(mq_open("/plain", O_CREAT | O_RDWR | O_NONBLOCK, MODE, NULL));
    struct mq_attr state, before;
    OK(mq_getattr(queue, &state));
    CHECK(state.mq_maxmsg == 10 && state.mq_msgsize == 8192 && state.mq_curmsgs == 0 && state.mq_flags == O_NONBLOCK);
    OK(mq_send(queue, "", 0, 0));
    state.mq_flags = 0;
    state.mq_maxmsg = 77; /* only the flag counts */
    OK(mq_setattr(queue, &state, &before));
    CHECK(before.mq_flags == O_NONBLOCK && before.mq_curmsgs == 1 && before.mq_maxmsg == 10);
    CHECK((fcntl(queue, F_GETFL) & O_NONBLOCK) == 0);
    OK(fcntl(queue, F_SETFL, O_NONBLOCK));
    OK(mq_getattr(queue, &state));
    CHECK(state.mq_flags == O_NONBLOCK && state.mq_maxmsg == 10);
    state.mq_flags = O_NONBLOCK | O_APPEND;
    FAILS(EINVAL, mq_setattr(queue, &state, NULL));
    FAILS(EFAULT, syscall(SYS_mq_getsetattr, queue, (void *)8, NULL));
    FAILS(EFAULT, syscall(SYS_mq_getsetattr, queue, NULL, (void *)8));
    RETURNS(0, syscall(SYS_mq_getsetattr, queue, NULL, NULL));
    OK(mq_close(queue));
    OK(mq_unlink("/plain"));

    int pipe_[2];
    OK(pipe(pipe_));
    char text[8192];
    FAILS(EBADF, mq_getattr(pipe_[0], &state));
    FAILS(EBADF, mq_send(pipe_[1], "x", 1, 0));
    FAILS(EBADF, mq_receive(pipe_[0], text, sizeof text, NULL));
    FAILS(EBADF, mq_notify(pipe_[0], NULL));
    FAILS(EBADF, mq_getattr(-1, &state));
    FAILS(EBADF, mq_send(12345, "x", 1, 0));
    close(pipe_[0]);
    close(pipe_[1]);

    struct mq_attr wrong[] = {
        { .mq_maxmsg = 0, .mq_msgsize = 1 }, { .mq_maxmsg = 1, .mq_msgsize = 0 }, { .mq_maxmsg = -1, .mq_msgsize = 1 },
        { .mq_maxmsg = 65537, .mq_msgsize = 1 }, { .mq_maxmsg = 1, .mq_msgsize = (16 << 20) + 1 },
    };
    for (unsigned at = 0; at < sizeof wrong / sizeof *wrong; at++)
        FAILS(EINVAL, mq_open("/wrong", O_CREAT | O_RDWR, MODE, &wrong[at]));
    FAILS(ENOENT, mq_unlink("/wrong"));
}

static void order(void)
{
    mqd_t queue = make("/order", 10, 32, O_RDWR | O_NONBLOCK);
    const struct { const char *text; unsigned priority; } sent[] = {
        { "low", 1 }, { "high", 32767 }, { "zero", 0 }, { "mid", 5 }, { "mid too", 5 }, { "low too", 1 },
    };
    const char *expected[] = { "high", "mid", "mid too", "low", "low too", "zero" };
    for (unsigned at = 0; at < 6; at++)
        OK(mq_send(queue, sent[at].text, strlen(sent[at].text), sent[at].priority));
    unsigned priority = 99;
    for (unsigned at = 0; at < 6; at++) {
        CHECK(strcmp(receive(queue, &priority), expected[at]) == 0);
        CHECK(at != 0 || priority == 32767);
    }
    CHECK(priority == 0);
    char text[32];
    FAILS(EAGAIN, mq_receive(queue, text, sizeof text, NULL));
    FAILS(EMSGSIZE, mq_receive(queue, text, sizeof text - 1, NULL));
    FAILS(EMSGSIZE, mq_send(queue, text, sizeof text + 1, 0));
    FAILS(EINVAL, mq_send(queue, "x", 1, 32768));
    FAILS(EFAULT, mq_send(queue, (void *)8, 1, 0));
    for (int at = 0; at < 10; at++)
        OK(mq_send(queue, "x", 1, 0));
    FAILS(EAGAIN, mq_send(queue, "x", 1, 0));
    FAILS(EFAULT, syscall(SYS_mq_timedreceive, queue, (void *)8, 32, NULL, NULL));
    struct mq_attr state;
    OK(mq_getattr(queue, &state));
    CHECK(state.mq_curmsgs == 9); /* that one is lost */
    OK(mq_close(queue));
    OK(mq_unlink("/order"));
}

static void times(void)
{
    mqd_t queue = make("/times", 1, 8, O_RDWR);
    char text[8];
    struct timespec wrong = { 0, 1000000000 }, negative = { -1, 0 }, past = { 1, 0 }, soon = after_ms(50);
    FAILS(EINVAL, mq_timedreceive(queue, text, sizeof text, NULL, &wrong));
    FAILS(EINVAL, mq_timedreceive(queue, text, sizeof text, NULL, &negative));
    FAILS(EFAULT, syscall(SYS_mq_timedreceive, queue, text, sizeof text, NULL, 8));
    FAILS(EINVAL, mq_timedsend(-1, "x", 1, 0, &wrong)); /* the time is looked at first */
    FAILS(ETIMEDOUT, mq_timedreceive(queue, text, sizeof text, NULL, &past));
    int64_t start = now_ms();
    FAILS(ETIMEDOUT, mq_timedreceive(queue, text, sizeof text, NULL, &soon));
    CHECK(now_ms() - start >= 40 && now_ms() - start < 2000);
    OK(mq_timedsend(queue, "x", 1, 0, &past)); /* there is room */
    soon = after_ms(50);
    start = now_ms();
    FAILS(ETIMEDOUT, mq_timedsend(queue, "y", 1, 0, &soon));
    CHECK(now_ms() - start >= 40 && now_ms() - start < 2000);
    RETURNS(1, mq_timedreceive(queue, text, sizeof text, NULL, &past));
    struct mq_attr state;
    OK(mq_getattr(queue, &state));
    CHECK(state.mq_curmsgs == 0); /* the sender that gave up left nothing */
    OK(mq_close(queue));
    OK(mq_unlink("/times"));
}

static void on_signal(int signal)
{
    (void)signal;
}

static void interruptions(void)
{
    mqd_t queue = make("/signals", 1, 8, O_RDWR);
    for (int restarts = 0; restarts < 2; restarts++) {
        pid_t child = fork();
        if (child == 0) {
            struct sigaction action = { .sa_handler = on_signal, .sa_flags = restarts ? SA_RESTART : 0 };
            sigaction(SIGUSR1, &action, NULL);
            char text[8];
            ssize_t got = mq_receive(queue, text, sizeof text, NULL);
            _exit(restarts ? got != 1 : got != -1 || errno != EINTR);
        }
        sleep_ms(50);
        kill(child, SIGUSR1);
        sleep_ms(50);
        if (restarts)
            OK(mq_send(queue, "x", 1, 0));
        CHILD_OK(child);
    }
    struct mq_attr state;
    OK(mq_getattr(queue, &state));
    CHECK(state.mq_curmsgs == 0);
    OK(mq_close(queue));
    OK(mq_unlink("/signals"));
}

/* A child that waits to receive and ends with the first byte of what it was given. */
static pid_t receiver(mqd_t queue, int nice_value)
{
    pid_t child = fork();
    if (child == 0) {
        char text[8];
        CHECK(nice_value == 0 || nice(nice_value) != -1);
        _exit(mq_receive(queue, text, sizeof text, NULL) == 1 ? text[0] : 99);
    }
    sleep_ms(50);
    return child;
}

static pid_t sender(mqd_t queue, const char *text, unsigned priority)
{
    pid_t child = fork();
    if (child == 0)
        _exit(mq_send(queue, text, strlen(text), priority) != 0);
    sleep_ms(50);
    return child;
}

static int status_of(pid_t child)
{
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void hand_over(void)
{
    mqd_t queue = make("/hand", 1, 8, O_RDWR);
    pid_t nicer = receiver(queue, 10), first = receiver(queue, 0), second = receiver(queue, 0);
    OK(mq_send(queue, "\1", 1, 0)); /* three messages into a queue of one: each goes straight to who waits */
    OK(mq_send(queue, "\2", 1, 0));
    OK(mq_send(queue, "\3", 1, 0));
    RETURNS(1, status_of(first));
    RETURNS(2, status_of(second));
    RETURNS(3, status_of(nicer));

    OK(mq_send(queue, "a", 1, 0));
    pid_t low = sender(queue, "b", 1), high = sender(queue, "c", 9);
    struct pollfd ready = { queue, POLLIN | POLLOUT, 0 };
    RETURNS(1, poll(&ready, 1, 0));
    CHECK(ready.revents == POLLIN);
    CHECK(strcmp(receive(queue, NULL), "a") == 0);
    struct timespec past = { 1, 0 };
    FAILS(ETIMEDOUT, mq_timedsend(queue, "d", 1, 0, &past)); /* the room went to who waited longest, not to who comes now */
    CHECK(strcmp(receive(queue, NULL), "b") == 0);
    CHECK(strcmp(receive(queue, NULL), "c") == 0);
    CHILD_OK(low);
    CHILD_OK(high);
    OK(mq_close(queue));
    OK(mq_unlink("/hand"));
}

static void readiness(void)
{
    mqd_t queue = make("/ready", 2, 8, O_RDWR);
    struct pollfd ready = { queue, POLLIN | POLLOUT, 0 };
    RETURNS(1, poll(&ready, 1, 0));
    CHECK(ready.revents == POLLOUT);
    int epoll = OK(epoll_create1(0));
    struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u32 = 7 };
    OK(epoll_ctl(epoll, EPOLL_CTL_ADD, queue, &event));
    RETURNS(0, epoll_wait(epoll, &event, 1, 0));
    pid_t child = fork();
    if (child == 0) {
        sleep_ms(50);
        _exit(mq_send(queue, "x", 1, 0) != 0);
    }
    RETURNS(1, epoll_wait(epoll, &event, 1, 5000));
    CHECK(event.data.u32 == 7 && event.events == EPOLLIN);
    RETURNS(0, epoll_wait(epoll, &event, 1, 0));
    CHILD_OK(child);
    OK(mq_send(queue, "y", 1, 0));
    RETURNS(1, poll(&ready, 1, 0));
    CHECK(ready.revents == POLLIN);
    ready.events = POLLOUT;
    child = fork();
    if (child == 0) {
        sleep_ms(50);
        _exit(strcmp(receive(queue, NULL), "x") != 0);
    }
    RETURNS(1, poll(&ready, 1, 5000));
    CHECK(ready.revents == POLLOUT);
    CHILD_OK(child);
    close(epoll);
    OK(mq_close(queue));
    OK(mq_unlink("/ready"));
}

int main(void)
{
    OK(unshare(CLONE_NEWIPC)); /* queues of nobody else */
    names();
    attributes();
    order();
    times();
    interruptions();
    hand_over();
    readiness();
    return done();
}
