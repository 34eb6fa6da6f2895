/* TCP and UDP over 127.0.0.1 and ::1 (tcp(7), udp(7), ip(7)). */
#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

static struct sockaddr_in at(uint32_t address, int port)
{
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address) };
    return name;
}

static int port_of(int fd)
{
    struct sockaddr_in6 name;
    socklen_t length = sizeof name;
    RETURNS(0, getsockname(fd, (struct sockaddr *)&name, &length));
    return ntohs(name.sin6_port);
}

static short ready(int fd, short wanted)
{
    struct pollfd entry = { fd, wanted, 0 };
    poll(&entry, 1, 100);
    return entry.revents;
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t length = sizeof value;
    RETURNS(0, getsockopt(fd, level, name, &value, &length));
    return value;
}

static void streams(void)
{
    char buffer[100];
    struct sockaddr_in name = at(INADDR_LOOPBACK, 0);
    int listener = OK(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    FAILS(EINVAL, accept(listener, NULL, NULL));
    RETURNS(0, bind(listener, (struct sockaddr *)&name, sizeof name));
    FAILS(EINVAL, bind(listener, (struct sockaddr *)&name, sizeof name));
    int port = port_of(listener);
    CHECK(port >= 1024);
    name = at(INADDR_LOOPBACK, port);
    int client = OK(socket(AF_INET, SOCK_STREAM, 0));
    FAILS(ENOTCONN, recv(client, buffer, 1, 0));
    FAILS(ENOTCONN, shutdown(client, SHUT_RDWR));
    FAILS(ENOTCONN, getpeername(client, (struct sockaddr *)&name, &(socklen_t){ sizeof name }));
    FAILS(ECONNREFUSED, connect(client, (struct sockaddr *)&name, sizeof name));
    RETURNS(0, listen(listener, 5));
    RETURNS(1, option(listener, SOL_SOCKET, SO_ACCEPTCONN));
    FAILS(EAGAIN, accept(listener, NULL, NULL));
    RETURNS(0, connect(client, (struct sockaddr *)&name, sizeof name));
    FAILS(EISCONN, connect(client, (struct sockaddr *)&name, sizeof name));
    RETURNS(POLLIN, ready(listener, POLLIN | POLLOUT));

    struct sockaddr_in peer;
    socklen_t length = sizeof peer;
    int served = OK(accept4(listener, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK));
    RETURNS(sizeof peer, length);
    RETURNS(port_of(client), ntohs(peer.sin_port));
    RETURNS(port, port_of(served));
    FAILS(EAGAIN, recv(served, buffer, 1, 0));
    RETURNS(POLLOUT, ready(served, POLLIN | POLLOUT));
    RETURNS(5, send(client, "hello", 5, 0));
    RETURNS(POLLIN | POLLOUT, ready(served, POLLIN | POLLOUT));
    RETURNS(2, recv(served, buffer, 2, MSG_PEEK));
    RETURNS(5, recv(served, buffer, sizeof buffer, 0));
    CHECK(memcmp(buffer, "hello", 5) == 0);
    RETURNS(0, shutdown(client, SHUT_WR));
    RETURNS(POLLIN | POLLOUT | POLLRDHUP, ready(served, POLLIN | POLLOUT | POLLRDHUP));
    RETURNS(0, recv(served, buffer, 1, 0));
    RETURNS(3, send(served, "bye", 3, 0));
    RETURNS(3, recv(client, buffer, sizeof buffer, 0));
    RETURNS(0, close(served));
    RETURNS(0, recv(client, buffer, 1, 0));
    RETURNS(0, option(client, SOL_SOCKET, SO_ERROR));
    close(client);

    int one = 1;
    RETURNS(0, setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one));
    RETURNS(1, option(listener, IPPROTO_TCP, TCP_NODELAY) != 0);
    RETURNS(AF_INET, option(listener, SOL_SOCKET, SO_DOMAIN));
    RETURNS(SOCK_STREAM, option(listener, SOL_SOCKET, SO_TYPE));
    RETURNS(IPPROTO_TCP, option(listener, SOL_SOCKET, SO_PROTOCOL));
    int second = OK(socket(AF_INET, SOCK_STREAM, 0));
    FAILS(EADDRINUSE, bind(second, (struct sockaddr *)&name, sizeof name));
    close(listener);
    RETURNS(0, setsockopt(second, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
    RETURNS(0, bind(second, (struct sockaddr *)&name, sizeof name));
    close(second);
    FAILS(EAFNOSUPPORT, socket(99, SOCK_STREAM, 0));
    FAILS(EPROTONOSUPPORT, socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
}

/* More than any buffer holds, between two processes, in both directions at once. */
static void much(void)
{
    static char block[50000];
    struct sockaddr_in name = at(INADDR_LOOPBACK, 0);
    int listener = OK(socket(AF_INET, SOCK_STREAM, 0));
    RETURNS(0, listen(listener, 1)); /* picks a port */
    name.sin_port = htons(port_of(listener));
    pid_t child = fork();
    if (child == 0) {
        failures = 0;
        int fd = OK(socket(AF_INET, SOCK_STREAM, 0));
        RETURNS(0, connect(fd, (struct sockaddr *)&name, sizeof name));
        long total = 0;
        for (long got; (got = read(fd, block, sizeof block)) > 0;)
            total += got;
        RETURNS(40 * (long)sizeof block, total);
        _exit(failures != 0);
    }
    int fd = OK(accept(listener, NULL, NULL));
    for (int i = 0; i < 40; i++)
        RETURNS(sizeof block, send(fd, block, sizeof block, 0));
    close(fd);
    CHILD_OK(child);
    close(listener);
}

static void dual_stack(void)
{
    struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
    int listener = OK(socket(AF_INET6, SOCK_STREAM, 0));
    RETURNS(0, bind(listener, (struct sockaddr *)&any, sizeof any));
    RETURNS(0, listen(listener, 5));
    any.sin6_port = htons(port_of(listener));
    any.sin6_addr = in6addr_loopback;
    int six = OK(socket(AF_INET6, SOCK_STREAM, 0));
    RETURNS(0, connect(six, (struct sockaddr *)&any, sizeof any));
    struct sockaddr_in name = at(INADDR_LOOPBACK, ntohs(any.sin6_port));
    int four = OK(socket(AF_INET, SOCK_STREAM, 0));
    RETURNS(0, connect(four, (struct sockaddr *)&name, sizeof name));
    struct sockaddr_in6 peer;
    socklen_t length = sizeof peer;
    close(OK(accept(listener, (struct sockaddr *)&peer, &length)));
    CHECK(memcmp(&peer.sin6_addr, &in6addr_loopback, 16) == 0);
    length = sizeof peer;
    close(OK(accept(listener, (struct sockaddr *)&peer, &length)));
    CHECK(IN6_IS_ADDR_V4MAPPED(&peer.sin6_addr));
    close(six);
    close(four);
    close(listener);
}

static void datagrams(void)
{
    char buffer[100];
    struct sockaddr_in name = at(INADDR_LOOPBACK, 0), from;
    socklen_t length = sizeof from;
    int server = OK(socket(AF_INET, SOCK_DGRAM, 0)), client = OK(socket(AF_INET, SOCK_DGRAM, 0));
    RETURNS(0, bind(server, (struct sockaddr *)&name, sizeof name));
    name.sin_port = htons(port_of(server));
    FAILS(EDESTADDRREQ, send(client, "x", 1, 0));
    RETURNS(4, sendto(client, "ping", 4, 0, (struct sockaddr *)&name, sizeof name));
    RETURNS(2, recvfrom(server, buffer, 2, MSG_PEEK, NULL, NULL));
    RETURNS(4, recvfrom(server, buffer, 2, MSG_TRUNC, (struct sockaddr *)&from, &length));
    RETURNS(port_of(client), ntohs(from.sin_port));
    FAILS(EAGAIN, recv(server, buffer, 1, MSG_DONTWAIT));
    RETURNS(0, sendto(server, "", 0, 0, (struct sockaddr *)&from, sizeof from));
    RETURNS(0, recv(client, buffer, sizeof buffer, 0));
    FAILS(EMSGSIZE, sendto(client, buffer, 70000, 0, (struct sockaddr *)&name, sizeof name));
    RETURNS(0, connect(client, (struct sockaddr *)&name, sizeof name));
    close(server);
    RETURNS(1, send(client, "x", 1, 0));
    FAILS(ECONNREFUSED, recv(client, buffer, 1, 0));
    struct timeval wait = { 0, 30000 };
    RETURNS(0, setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait));
    int64_t start = now_ms();
    FAILS(EAGAIN, recv(client, buffer, 1, 0));
    CHECK(now_ms() - start >= 29);
    close(client);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    streams();
    much();
    dual_stack();
    datagrams();
    return done();
}
