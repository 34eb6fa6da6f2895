/* epoll(7): level, edge, one shot, modification, removal, nesting. */
#include "check.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

static int control(int epoll, int operation, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event event = { .events = events, .data.u64 = data };
    return epoll_ctl(epoll, operation, fd, &event);
}

int main(void)
{
    struct epoll_event got[8];
    char buffer[16];
    int ends[2], epoll = OK(epoll_create1(EPOLL_CLOEXEC));
    RETURNS(0, pipe2(ends, O_NONBLOCK));
    RETURNS(0, control(epoll, EPOLL_CTL_ADD, ends[0], EPOLLIN, 0x1234567890ull));
    FAILS(EEXIST, control(epoll, EPOLL_CTL_ADD, ends[0], EPOLLIN, 1));
    FAILS(ENOENT, control(epoll, EPOLL_CTL_MOD, ends[1], EPOLLIN, 1));
    FAILS(ENOENT, control(epoll, EPOLL_CTL_DEL, ends[1], 0, 0));
    FAILS(EBADF, control(epoll, EPOLL_CTL_ADD, 999, EPOLLIN, 1));
    FAILS(EINVAL, control(epoll, EPOLL_CTL_ADD, epoll, EPOLLIN, 1));
    FAILS(EINVAL, control(ends[0], EPOLL_CTL_ADD, ends[1], EPOLLIN, 1));
    make_file("f", "");
    FAILS(EPERM, control(epoll, EPOLL_CTL_ADD, open("f", O_RDONLY), EPOLLIN, 1));
    FAILS(EINVAL, epoll_wait(epoll, got, 0, 0));
    RETURNS(0, epoll_wait(epoll, got, 8, 0));

    /* Level: again and again. */
    RETURNS(2, write(ends[1], "ab", 2));
    for (int i = 0; i < 2; i++) {
        RETURNS(1, epoll_wait(epoll, got, 8, 100));
        CHECK(got[0].events == EPOLLIN && got[0].data.u64 == 0x1234567890ull);
    }
    RETURNS(2, read(ends[0], buffer, 16));
    RETURNS(0, epoll_wait(epoll, got, 8, 0));

    /* Edge: once for each arrival. */
    RETURNS(0, control(epoll, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLET, 2));
    RETURNS(1, write(ends[1], "a", 1));
    RETURNS(1, epoll_wait(epoll, got, 8, 100));
    RETURNS(0, epoll_wait(epoll, got, 8, 0));
    RETURNS(1, write(ends[1], "b", 1));
    RETURNS(1, epoll_wait(epoll, got, 8, 100));
    RETURNS(0, epoll_wait(epoll, got, 8, 0));
    RETURNS(0, control(epoll, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLET, 3)); /* arming looks again */
    RETURNS(1, epoll_wait(epoll, got, 8, 0));

    /* One shot: silent until armed again. */
    RETURNS(0, control(epoll, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLONESHOT, 4));
    RETURNS(1, epoll_wait(epoll, got, 8, 0));
    RETURNS(1, write(ends[1], "c", 1));
    RETURNS(0, epoll_wait(epoll, got, 8, 0));
    RETURNS(0, control(epoll, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLONESHOT, 5));
    RETURNS(1, epoll_wait(epoll, got, 8, 0));
    RETURNS(5, got[0].data.u64);

    /* Hang-up comes without being asked for. */
    RETURNS(0, control(epoll, EPOLL_CTL_MOD, ends[0], 0, 6));
    close(ends[1]);
    RETURNS(1, epoll_wait(epoll, got, 8, 100));
    CHECK(got[0].events & EPOLLHUP);
    RETURNS(0, control(epoll, EPOLL_CTL_DEL, ends[0], 0, 0));
    RETURNS(0, epoll_wait(epoll, got, 8, 0));

    /* A closed description leaves by itself. */
    int event = OK(eventfd(1, 0));
    RETURNS(0, control(epoll, EPOLL_CTL_ADD, event, EPOLLIN, 7));
    RETURNS(1, epoll_wait(epoll, got, 8, 0));
    close(event);
    RETURNS(0, epoll_wait(epoll, got, 8, 0));

    /* Timeouts and a wake from another process. */
    event = OK(eventfd(0, 0));
    RETURNS(0, control(epoll, EPOLL_CTL_ADD, event, EPOLLIN, 8));
    int64_t start = now_ms();
    RETURNS(0, epoll_wait(epoll, got, 8, 50));
    CHECK(now_ms() - start >= 49);
    pid_t child = fork();
    if (child == 0) {
        sleep_ms(30);
        _exit(eventfd_write(event, 1) != 0);
    }
    RETURNS(1, epoll_wait(epoll, got, 8, -1));
    CHILD_OK(child);

    /* Nested, and both directions of a socket. */
    int outer = OK(epoll_create(1)), pair[2];
    RETURNS(0, control(outer, EPOLL_CTL_ADD, epoll, EPOLLIN, 9));
    RETURNS(1, epoll_wait(outer, got, 8, 0));
    FAILS(ELOOP, control(epoll, EPOLL_CTL_ADD, outer, EPOLLIN, 9));
    RETURNS(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    RETURNS(0, control(epoll, EPOLL_CTL_ADD, pair[0], EPOLLIN | EPOLLOUT | EPOLLRDHUP, 10));
    RETURNS(0, control(epoll, EPOLL_CTL_DEL, event, 0, 0));
    RETURNS(1, epoll_wait(epoll, got, 8, 0));
    RETURNS(EPOLLOUT, got[0].events);
    RETURNS(0, shutdown(pair[1], SHUT_WR));
    RETURNS(1, epoll_wait(epoll, got, 8, 0));
    RETURNS(EPOLLIN | EPOLLOUT | EPOLLRDHUP, got[0].events);
    sigset_t none;
    sigemptyset(&none);
    RETURNS(1, epoll_pwait(epoll, got, 8, 0, &none));
    return done();
}
