/* socketpair(2) of AF_UNIX: streams, datagrams, packets, flags, shutdown, messages. */
#include "check.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

int main(void)
{
    char buffer[256];
    int pair[2], number;
    socklen_t length;
    signal(SIGPIPE, SIG_IGN);
    FAILS(EAFNOSUPPORT, socketpair(AF_INET + 100, SOCK_STREAM, 0, pair));
    FAILS(EPROTONOSUPPORT, socketpair(AF_UNIX, SOCK_STREAM, 77, pair));

    RETURNS(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair));
    RETURNS(FD_CLOEXEC, fcntl(pair[0], F_GETFD));
    FAILS(EAGAIN, read(pair[0], buffer, 1));
    RETURNS(5, write(pair[0], "hello", 5));
    RETURNS(5, send(pair[0], "world", 5, 0));
    RETURNS(3, recv(pair[1], buffer, 3, MSG_PEEK));
    RETURNS(0, ioctl(pair[1], FIONREAD, &number));
    RETURNS(10, number);
    RETURNS(10, recv(pair[1], buffer, 100, 0));
    CHECK(memcmp(buffer, "helloworld", 10) == 0);
    RETURNS(1, write(pair[1], "x", 1)); /* both ways */
    RETURNS(1, read(pair[0], buffer, 10));
    FAILS(ESPIPE, lseek(pair[0], 0, SEEK_SET));
    RETURNS(0, shutdown(pair[0], SHUT_WR));
    FAILS(EPIPE, write(pair[0], "x", 1));
    RETURNS(0, read(pair[1], buffer, 1));
    RETURNS(1, write(pair[1], "y", 1));
    struct pollfd poller = { pair[1], POLLIN | POLLOUT | POLLRDHUP, 0 };
    RETURNS(1, poll(&poller, 1, 0));
    RETURNS(POLLIN | POLLOUT | POLLRDHUP, poller.revents);
    close(pair[1]);
    RETURNS(1, read(pair[0], buffer, 10));
    RETURNS(0, read(pair[0], buffer, 10));
    close(pair[0]);

    RETURNS(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    RETURNS(1, write(pair[0], "z", 1));
    close(pair[1]); /* unread data: the other side is reset */
    FAILS(ECONNRESET, read(pair[0], buffer, 1));
    FAILS(EPIPE, send(pair[0], "x", 1, MSG_NOSIGNAL));
    close(pair[0]);

    /* Datagrams keep their borders; what does not fit is lost. */
    RETURNS(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
    RETURNS(3, write(pair[0], "abc", 3));
    RETURNS(0, write(pair[0], "", 0));
    RETURNS(2, write(pair[0], "de", 2));
    RETURNS(2, recv(pair[1], buffer, 2, 0));
    RETURNS(0, recv(pair[1], buffer, 100, 0));
    RETURNS(2, recv(pair[1], buffer, 100, MSG_TRUNC));
    FAILS(EAGAIN, recv(pair[1], buffer, 100, MSG_DONTWAIT));
    RETURNS(3, write(pair[0], "xyz", 3));
    struct iovec vector = { buffer, 1 };
    struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };
    RETURNS(1, recvmsg(pair[1], &message, 0));
    CHECK(message.msg_flags & MSG_TRUNC);
    close(pair[0]), close(pair[1]);

    RETURNS(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
    RETURNS(3, write(pair[0], "abc", 3));
    RETURNS(2, write(pair[0], "de", 2));
    RETURNS(3, read(pair[1], buffer, 100));
    close(pair[0]);
    RETURNS(2, read(pair[1], buffer, 100));
    RETURNS(0, read(pair[1], buffer, 100));
    close(pair[1]);

    /* Options and names. */
    RETURNS(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    length = sizeof number;
    RETURNS(0, getsockopt(pair[0], SOL_SOCKET, SO_TYPE, &number, &length));
    RETURNS(SOCK_STREAM, number);
    number = 3;
    RETURNS(0, setsockopt(pair[0], SOL_SOCKET, SO_RCVLOWAT, &number, sizeof number));
    number = 0;
    RETURNS(0, getsockopt(pair[0], SOL_SOCKET, SO_RCVLOWAT, &number, &length));
    RETURNS(3, number);
    number = 0;
    RETURNS(0, setsockopt(pair[0], SOL_SOCKET, SO_RCVLOWAT, &number, sizeof number));
    RETURNS(0, getsockopt(pair[0], SOL_SOCKET, SO_RCVLOWAT, &number, &length));
    RETURNS(1, number);
    RETURNS(0, getsockopt(pair[0], SOL_SOCKET, SO_DOMAIN, &number, &length));
    RETURNS(AF_UNIX, number);
    RETURNS(0, getsockopt(pair[0], SOL_SOCKET, SO_ERROR, &number, &length));
    RETURNS(0, number);
    FAILS(ENOPROTOOPT, getsockopt(pair[0], SOL_SOCKET, 9999, &number, &length));
    struct sockaddr_un address;
    length = sizeof address;
    RETURNS(0, getsockname(pair[0], (struct sockaddr *)&address, &length));
    CHECK(length == sizeof(sa_family_t) && address.sun_family == AF_UNIX);
    FAILS(ENOTSOCK, getsockname(0 + open("/dev/null", O_RDWR), (struct sockaddr *)&address, &length));

    /* A full stream blocks until it is read; all bytes arrive in order. */
    pid_t child = fork();
    if (child == 0) {
        static char big[700000];
        for (int i = 0; i < (int)sizeof big; i++)
            big[i] = i * 7;
        long sent = 0;
        for (long now; sent < (long)sizeof big && (now = write(pair[0], big + sent, sizeof big - sent)) > 0;)
            sent += now;
        _exit(sent != sizeof big);
    }
    close(pair[0]);
    sleep_ms(20);
    long total = 0, wrong = 0;
    for (long got; (got = read(pair[1], buffer, sizeof buffer)) > 0; total += got)
        for (long i = 0; i < got; i++)
            wrong += buffer[i] != (char)((total + i) * 7);
    CHECK(total == 700000 && wrong == 0);
    CHILD_OK(child);
    return done();
}
