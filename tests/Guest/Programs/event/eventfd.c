/* eventfd(2). */
#include "check.h"
#include <poll.h>
#include <sys/eventfd.h>

int main(void)
{
    uint64_t value = 0;
    int fd = OK(eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC));
    RETURNS(8, read(fd, &value, 8));
    RETURNS(3, value);
    FAILS(EAGAIN, read(fd, &value, 8));
    value = 5;
    RETURNS(8, write(fd, &value, 8));
    RETURNS(8, write(fd, &value, 8));
    RETURNS(8, read(fd, &value, 8));
    RETURNS(10, value);
    FAILS(EINVAL, read(fd, &value, 4));
    FAILS(EINVAL, write(fd, &value, 4));
    value = UINT64_MAX;
    FAILS(EINVAL, write(fd, &value, 8));
    value = UINT64_MAX - 1;
    RETURNS(8, write(fd, &value, 8));
    struct pollfd poller = { fd, POLLIN | POLLOUT, 0 };
    RETURNS(1, poll(&poller, 1, 0));
    RETURNS(POLLIN, poller.revents);
    value = 1;
    FAILS(EAGAIN, write(fd, &value, 8));
    RETURNS(8, read(fd, &value, 8));
    RETURNS(1, poll(&poller, 1, 0));
    RETURNS(POLLOUT, poller.revents);

    fd = OK(eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK));
    RETURNS(8, read(fd, &value, 8));
    RETURNS(1, value);
    RETURNS(8, read(fd, &value, 8));
    FAILS(EAGAIN, read(fd, &value, 8));
    FAILS(EINVAL, eventfd(0, 0x40));

    fd = OK(eventfd(0, 0));
    pid_t child = fork();
    if (child == 0) {
        sleep_ms(30);
        value = 77;
        _exit(write(fd, &value, 8) != 8);
    }
    RETURNS(8, read(fd, &value, 8));
    RETURNS(77, value);
    CHILD_OK(child);
    return done();
}
