/* TCP's states as a program sees them, over the loopback of both families (tcp(7)). */
#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static int family;
static socklen_t size;

static struct sockaddr_storage loopback(int port)
{
    struct sockaddr_storage name = { .ss_family = family };
    if (family == AF_INET) {
        ((struct sockaddr_in *)&name)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        ((struct sockaddr_in *)&name)->sin_port = htons(port);
    } else {
        ((struct sockaddr_in6 *)&name)->sin6_addr = in6addr_loopback;
        ((struct sockaddr_in6 *)&name)->sin6_port = htons(port);
    }
    return name;
}

static int port_of(int fd)
{
    struct sockaddr_in6 name;
    socklen_t length = sizeof name;
    RETURNS(0, getsockname(fd, (struct sockaddr *)&name, &length));
    return ntohs(name.sin6_port);
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t length = sizeof value;
    RETURNS(0, getsockopt(fd, level, name, &value, &length));
    return value;
}

static int state(int fd)
{
    struct tcp_info info = { 0 };
    socklen_t length = sizeof info;
    RETURNS(0, getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length));
    return info.tcpi_state;
}

static short ready(int fd, short wanted)
{
    struct pollfd entry = { fd, wanted, 0 };
    poll(&entry, 1, 200);
    return entry.revents;
}

static int listener_at(int port)
{
    struct sockaddr_storage name = loopback(port);
    int fd = OK(socket(family, SOCK_STREAM, 0));
    RETURNS(0, bind(fd, (struct sockaddr *)&name, size));
    RETURNS(0, listen(fd, 8));
    return fd;
}

static void connected(int *client, int *server)
{
    int listener = listener_at(0);
    struct sockaddr_storage name = loopback(port_of(listener));
    *client = OK(socket(family, SOCK_STREAM, 0));
    RETURNS(TCP_CLOSE, state(*client));
    RETURNS(TCP_LISTEN, state(listener));
    RETURNS(0, connect(*client, (struct sockaddr *)&name, size));
    *server = OK(accept(listener, NULL, NULL));
    RETURNS(TCP_ESTABLISHED, state(*client));
    RETURNS(TCP_ESTABLISHED, state(*server));
    close(listener);
}

static void opening(void)
{
    int listener = listener_at(0);
    struct sockaddr_storage name = loopback(port_of(listener));
    int client = OK(socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0));
    FAILS(EINPROGRESS, connect(client, (struct sockaddr *)&name, size));
    RETURNS(POLLOUT, ready(client, POLLOUT | POLLIN));
    RETURNS(0, option(client, SOL_SOCKET, SO_ERROR));
    RETURNS(0, connect(client, (struct sockaddr *)&name, size));
    FAILS(EISCONN, connect(client, (struct sockaddr *)&name, size));
    close(client);
    close(listener);

    client = OK(socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0));
    FAILS(EINPROGRESS, connect(client, (struct sockaddr *)&name, size));
    RETURNS(POLLOUT | POLLIN | POLLERR | POLLHUP, ready(client, POLLOUT | POLLIN));
    RETURNS(ECONNREFUSED, option(client, SOL_SOCKET, SO_ERROR));
    RETURNS(0, option(client, SOL_SOCKET, SO_ERROR));
    close(client);

    client = OK(socket(family, SOCK_STREAM, 0));
    FAILS(ECONNREFUSED, connect(client, (struct sockaddr *)&name, size));
    listener = listener_at(0);
    name = loopback(port_of(listener));
    RETURNS(0, connect(client, (struct sockaddr *)&name, size));
    close(client);
    close(listener);
}

/* A socket connected to its own address. */
static void itself(void)
{
    char buffer[10];
    struct sockaddr_storage name = loopback(0);
    int fd = OK(socket(family, SOCK_STREAM, 0));
    RETURNS(0, bind(fd, (struct sockaddr *)&name, size));
    name = loopback(port_of(fd));
    RETURNS(0, connect(fd, (struct sockaddr *)&name, size));
    RETURNS(4, write(fd, "self", 4));
    RETURNS(4, read(fd, buffer, sizeof buffer));
    RETURNS(0, shutdown(fd, SHUT_WR));
    RETURNS(0, read(fd, buffer, sizeof buffer));
    close(fd);
}

static void closing(void)
{
    char buffer[10];
    int client, server;
    connected(&client, &server);
    RETURNS(3, write(client, "end", 3));
    RETURNS(0, shutdown(client, SHUT_WR));
    CHECK(state(client) == TCP_FIN_WAIT1 || state(client) == TCP_FIN_WAIT2);
    RETURNS(TCP_CLOSE_WAIT, state(server));
    FAILS(EPIPE, write(client, "x", 1));
    RETURNS(3, read(server, buffer, sizeof buffer));
    RETURNS(0, read(server, buffer, sizeof buffer));
    RETURNS(2, write(server, "ok", 2));
    RETURNS(2, read(client, buffer, sizeof buffer));
    RETURNS(0, shutdown(server, SHUT_WR));
    RETURNS(0, read(client, buffer, sizeof buffer));
    RETURNS(POLLIN | POLLOUT | POLLHUP | POLLRDHUP, ready(client, POLLIN | POLLOUT | POLLRDHUP));
    close(server);
    close(client);

    /* Bytes that nobody read, and SO_LINGER without time, reset. */
    for (int lingers = 0; lingers < 2; lingers++) {
        connected(&client, &server);
        struct linger now = { 1, 0 };
        if (lingers)
            RETURNS(0, setsockopt(server, SOL_SOCKET, SO_LINGER, &now, sizeof now));
        else
            RETURNS(1, write(client, "x", 1));
        close(server);
        RETURNS(POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP, ready(client, POLLIN | POLLOUT | POLLRDHUP));
        RETURNS(TCP_CLOSE, state(client));
        FAILS(ECONNRESET, read(client, buffer, 1));
        RETURNS(0, read(client, buffer, 1));
        FAILS(EPIPE, write(client, "x", 1));
        close(client);
    }

    connected(&client, &server);
    close(server);
    RETURNS(1, write(client, "x", 1)); /* The answer to this resets. */
    FAILS(EPIPE, write(client, "x", 1));
    close(client);
}

static void dissolved(void)
{
    char buffer[10];
    int client, server;
    connected(&client, &server);
    struct sockaddr none = { .sa_family = AF_UNSPEC };
    RETURNS(0, connect(client, &none, sizeof none));
    FAILS(ECONNRESET, read(server, buffer, 1));
    FAILS(ENOTCONN, getpeername(client, (struct sockaddr *)&(struct sockaddr_storage){ 0 }, &(socklen_t){ 128 }));
    int listener = listener_at(0);
    struct sockaddr_storage name = loopback(port_of(listener));
    RETURNS(0, connect(client, (struct sockaddr *)&name, size));
    close(listener);
    close(server);
    close(client);
}

static void urgent(void)
{
    char buffer[10];
    int client, server, mark = -1;
    connected(&client, &server);
    FAILS(EINVAL, recv(server, buffer, 1, MSG_OOB));
    RETURNS(3, send(client, "abX", 3, MSG_OOB));
    RETURNS(2, send(client, "cd", 2, 0));
    RETURNS(POLLIN | POLLPRI, ready(server, POLLIN | POLLPRI));
    RETURNS(1, recv(server, buffer, sizeof buffer, MSG_OOB));
    CHECK(buffer[0] == 'X');
    FAILS(EINVAL, recv(server, buffer, 1, MSG_OOB));
    RETURNS(2, read(server, buffer, sizeof buffer));
    RETURNS(0, ioctl(server, SIOCATMARK, &mark));
    RETURNS(1, mark);
    RETURNS(2, read(server, buffer, sizeof buffer));
    CHECK(memcmp(buffer, "cd", 2) == 0);
    RETURNS(0, ioctl(server, SIOCATMARK, &mark));
    RETURNS(0, mark);
    close(client);
    close(server);
}

static void options(void)
{
    int client, server, value;
    connected(&client, &server);
    RETURNS(0, option(client, IPPROTO_TCP, TCP_NODELAY));
    RETURNS(7200, option(client, IPPROTO_TCP, TCP_KEEPIDLE));
    RETURNS(75, option(client, IPPROTO_TCP, TCP_KEEPINTVL));
    RETURNS(9, option(client, IPPROTO_TCP, TCP_KEEPCNT));
    RETURNS(6, option(client, IPPROTO_TCP, TCP_SYNCNT));
    RETURNS(0, option(client, IPPROTO_TCP, TCP_USER_TIMEOUT));
    int names[] = { TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_SYNCNT };
    for (int i = 0; i < 4; i++) {
        value = 0;
        FAILS(EINVAL, setsockopt(client, IPPROTO_TCP, names[i], &value, sizeof value));
        value = 33000;
        FAILS(EINVAL, setsockopt(client, IPPROTO_TCP, names[i], &value, sizeof value));
        value = 11 + i;
        RETURNS(0, setsockopt(client, IPPROTO_TCP, names[i], &value, sizeof value));
        RETURNS(value, option(client, IPPROTO_TCP, names[i]));
        FAILS(EINVAL, setsockopt(client, IPPROTO_TCP, names[i], &value, 2));
    }
    value = 50;
    FAILS(EINVAL, setsockopt(client, IPPROTO_TCP, TCP_MAXSEG, &value, sizeof value));
    value = -1;
    FAILS(EINVAL, setsockopt(client, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, sizeof value));
    FAILS(ENOENT, setsockopt(client, IPPROTO_TCP, TCP_CONGESTION, "none_such", 9));
    FAILS(ENOPROTOOPT, setsockopt(client, IPPROTO_TCP, 9999, &value, sizeof value));
    CHECK(option(client, IPPROTO_TCP, TCP_MAXSEG) > 30000);
    RETURNS(5, write(client, "bytes", 5));
    RETURNS(0, ioctl(server, FIONREAD, &value));
    RETURNS(5, value);
    close(client);
    close(server);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < 2; i++) {
        family = i ? AF_INET6 : AF_INET;
        size = i ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
        opening();
        itself();
        closing();
        dissolved();
        urgent();
        options();
    }
    return done();
}
