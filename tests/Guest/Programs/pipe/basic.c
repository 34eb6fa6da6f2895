/* pipe(2), pipe(7): order, atomicity, ends, capacity. */
#include "check.h"
#include <sys/ioctl.h>

int main(void)
{
    char buffer[70000];
    int ends[2], count;
    signal(SIGPIPE, SIG_IGN);
    RETURNS(0, pipe2(ends, O_NONBLOCK | O_CLOEXEC));
    RETURNS(FD_CLOEXEC, fcntl(ends[0], F_GETFD));
    FAILS(EAGAIN, read(ends[0], buffer, 1));
    RETURNS(3, write(ends[1], "abc", 3));
    RETURNS(0, ioctl(ends[0], FIONREAD, &count));
    RETURNS(3, count);
    RETURNS(2, write(ends[1], "de", 2));
    RETURNS(4, read(ends[0], buffer, 4)); /* a stream: no message borders */
    CHECK(memcmp(buffer, "abcd", 4) == 0);
    RETURNS(1, read(ends[0], buffer, 100));
    FAILS(EBADF, write(ends[0], "x", 1));
    FAILS(EBADF, read(ends[1], buffer, 1));
    FAILS(EINVAL, pipe2(ends + 0, 0x40));
    FAILS(EFAULT, pipe((int *)8));

    /* 64 KiB by default; a write of at most PIPE_BUF is all or nothing. */
    long filled = 0;
    for (long written; (written = write(ends[1], buffer, 4096)) > 0;)
        filled += written;
    RETURNS(65536, filled);
    FAILS(EAGAIN, write(ends[1], "x", 1));
    RETURNS(65536, fcntl(ends[1], F_GETPIPE_SZ));
    RETURNS(4096, read(ends[0], buffer, 4096));
    RETURNS(4096, write(ends[1], buffer, 4096));
    RETURNS(65536, read(ends[0], buffer, sizeof buffer));
    RETURNS(131072, fcntl(ends[1], F_SETPIPE_SZ, 100000));
    RETURNS(70000, write(ends[1], buffer, 70000));
    RETURNS(70000, read(ends[0], buffer, 70000));

    /* The last writer's end is the reader's end of file. */
    RETURNS(1, write(ends[1], "z", 1));
    close(ends[1]);
    RETURNS(1, read(ends[0], buffer, 10));
    RETURNS(0, read(ends[0], buffer, 10));
    close(ends[0]);

    /* The last reader's end is EPIPE and SIGPIPE. */
    RETURNS(0, pipe(ends));
    close(ends[0]);
    FAILS(EPIPE, write(ends[1], "x", 1));
    pid_t child = fork();
    if (child == 0) {
        signal(SIGPIPE, SIG_DFL);
        if (write(ends[1], "x", 1) < 0)
            _exit(1);
        _exit(2);
    }
    int status;
    RETURNS(child, waitpid(child, &status, 0));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
    close(ends[1]);

    /* Blocking both ways, with more than fits. */
    RETURNS(0, pipe(ends));
    child = fork();
    if (child == 0) {
        close(ends[0]);
        for (int i = 0; i < 50; i++) {
            memset(buffer, 'a' + i % 26, 10000);
            if (write(ends[1], buffer, 10000) != 10000)
                _exit(3);
        }
        _exit(0);
    }
    close(ends[1]);
    long total = 0;
    int wrong = 0;
    for (long got; (got = read(ends[0], buffer, 3000)) > 0; total += got)
        for (long i = 0; i < got; i++)
            wrong += buffer[i] != 'a' + (total + i) / 10000 % 26;
    RETURNS(500000, total);
    RETURNS(0, wrong);
    CHILD_OK(child);

    /* O_DIRECT: packets. */
    RETURNS(0, pipe2(ends, O_DIRECT));
    RETURNS(3, write(ends[1], "abc", 3));
    RETURNS(2, write(ends[1], "de", 2));
    RETURNS(3, read(ends[0], buffer, 100));
    RETURNS(1, read(ends[0], buffer, 1)); /* the rest of a packet is lost */
    return done();
}
