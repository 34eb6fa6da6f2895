/* dup(2) and its family, fcntl(2) flags, close_range(2), the descriptor limit. */
#include "check.h"
#include <sys/ioctl.h>
#include <sys/resource.h>

int main(void)
{
    make_file("f", "0123");
    int fd = OK(open("f", O_RDWR));
    int copy = OK(dup(fd));
    CHECK(copy > fd);
    FAILS(EBADF, dup(999));
    RETURNS(50, dup2(fd, 50));
    RETURNS(50, dup2(50, 50));
    FAILS(EBADF, dup2(999, 51));
    FAILS(EBADF, dup2(fd, -1));
    FAILS(EBADF, dup2(999, 999));
    FAILS(EINVAL, dup3(fd, fd, 0));
    RETURNS(51, dup3(fd, 51, O_CLOEXEC));
    RETURNS(FD_CLOEXEC, fcntl(51, F_GETFD));
    RETURNS(60, fcntl(fd, F_DUPFD, 60));
    RETURNS(61, fcntl(fd, F_DUPFD_CLOEXEC, 60));
    RETURNS(FD_CLOEXEC, fcntl(61, F_GETFD));
    FAILS(EINVAL, fcntl(fd, F_DUPFD, -1));
    RETURNS(0, fcntl(fd, F_SETFD, FD_CLOEXEC));
    RETURNS(0, fcntl(copy, F_GETFD)); /* the flag is the descriptor's */

    /* Status flags are the description's; the access mode cannot change. */
    RETURNS(O_RDWR, fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
    RETURNS(0, fcntl(fd, F_SETFL, O_NONBLOCK | O_APPEND | O_WRONLY));
    RETURNS(O_RDWR | O_NONBLOCK | O_APPEND, fcntl(copy, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
    RETURNS(0, fcntl(fd, F_SETFL, 0));
    FAILS(EINVAL, fcntl(fd, 9999));
    FAILS(EBADF, fcntl(999, F_GETFD));

    int number = 1;
    RETURNS(0, ioctl(fd, FIONBIO, &number));
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    RETURNS(0, ioctl(fd, FIOCLEX));
    RETURNS(FD_CLOEXEC, fcntl(fd, F_GETFD));
    RETURNS(0, ioctl(fd, FIONCLEX));
    FAILS(ENOTTY, ioctl(fd, TIOCGWINSZ, &number));
    FAILS(EBADF, ioctl(999, FIONBIO, &number));
    RETURNS(0, ioctl(fd, FIONREAD, &number));
    RETURNS(4, number);

    RETURNS(0, syscall(SYS_close_range, 50, 61, 0));
    FAILS(EBADF, fcntl(50, F_GETFD));
    FAILS(EBADF, fcntl(61, F_GETFD));
    RETURNS(70, dup2(fd, 70));
    RETURNS(0, syscall(SYS_close_range, 70, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */));
    RETURNS(FD_CLOEXEC, fcntl(70, F_GETFD));
    FAILS(EINVAL, syscall(SYS_close_range, 9, 8, 0));

    struct rlimit limit;
    RETURNS(0, getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = 20;
    RETURNS(0, setrlimit(RLIMIT_NOFILE, &limit));
    int last = -1;
    for (int next; (next = dup(fd)) >= 0;)
        last = next;
    CHECK(errno == EMFILE);
    RETURNS(19, last);
    FAILS(EMFILE, open("f", O_RDONLY));
    FAILS(EBADF, dup2(fd, 20));
    FAILS(EINVAL, fcntl(fd, F_DUPFD, 20));
    int ends[2];
    FAILS(EMFILE, pipe(ends));
    close(19);
    FAILS(EMFILE, pipe(ends));
    RETURNS(19, dup(fd)); /* the failed pipe has left nothing behind */
    return done();
}
