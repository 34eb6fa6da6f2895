/* Unix datagrams, sequential packets, credentials and sendmmsg (unix(7)). */
#include "check.h"
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

static socklen_t abstract(struct sockaddr_un *name, const char *text)
{
    memset(name, 0, sizeof *name);
    name->sun_family = AF_UNIX;
    memcpy(name->sun_path + 1, text, strlen(text));
    return offsetof(struct sockaddr_un, sun_path) + 1 + strlen(text);
}

static void packets(void)
{
    char buffer[100];
    int ends[2];
    RETURNS(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends));
    RETURNS(3, write(ends[0], "abc", 3));
    RETURNS(2, write(ends[0], "de", 2));
    RETURNS(2, read(ends[1], buffer, 2));
    RETURNS(2, read(ends[1], buffer, 100));
    struct iovec piece = { buffer, 1 };
    struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };
    RETURNS(4, send(ends[0], "long", 4, 0));
    RETURNS(1, recvmsg(ends[1], &message, 0));
    CHECK(message.msg_flags & MSG_TRUNC);
    RETURNS(4, send(ends[0], "long", 4, 0));
    RETURNS(4, recv(ends[1], buffer, 1, MSG_TRUNC));
    RETURNS(0, close(ends[0]));
    RETURNS(0, read(ends[1], buffer, 1));
    close(ends[1]);
}

static void datagrams(void)
{
    char buffer[100];
    struct sockaddr_un name, from;
    socklen_t length = abstract(&name, "packets-test-server"), from_length = sizeof from;
    int server = OK(socket(AF_UNIX, SOCK_DGRAM, 0)), client = OK(socket(AF_UNIX, SOCK_DGRAM, 0));
    FAILS(ENOTCONN, send(client, "x", 1, 0));
    FAILS(ECONNREFUSED, sendto(client, "x", 1, 0, (struct sockaddr *)&name, length));
    RETURNS(0, bind(server, (struct sockaddr *)&name, length));
    FAILS(EINVAL, bind(server, (struct sockaddr *)&name, length));
    FAILS(EADDRINUSE, bind(client, (struct sockaddr *)&name, length));
    RETURNS(1, sendto(client, "x", 1, 0, (struct sockaddr *)&name, length));
    RETURNS(1, recvfrom(server, buffer, 100, 0, (struct sockaddr *)&from, &from_length));
    RETURNS(0, from_length); /* the sender has no name */
    RETURNS(0, bind(client, (struct sockaddr *)&name, sizeof(sa_family_t))); /* autobind */
    from_length = sizeof from;
    RETURNS(0, getsockname(client, (struct sockaddr *)&from, &from_length));
    RETURNS(sizeof(sa_family_t) + 6, from_length);
    RETURNS(0, connect(client, (struct sockaddr *)&name, length));
    RETURNS(1, send(client, "y", 1, 0));
    from_length = sizeof from;
    RETURNS(1, recvfrom(server, buffer, 100, 0, (struct sockaddr *)&from, &from_length));
    RETURNS(1, sendto(server, "z", 1, 0, (struct sockaddr *)&from, from_length));
    RETURNS(1, recv(client, buffer, 100, 0));
    close(server);
    FAILS(ECONNREFUSED, send(client, "x", 1, 0));
    FAILS(ENOTCONN, send(client, "x", 1, 0));
    close(client);
}

static void credentials(void)
{
    int ends[2], one = 1;
    char buffer[10], control[100];
    RETURNS(0, socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    struct ucred peer;
    socklen_t length = sizeof peer;
    RETURNS(0, getsockopt(ends[0], SOL_SOCKET, SO_PEERCRED, &peer, &length));
    CHECK(peer.pid == getpid() && peer.uid == getuid() && peer.gid == getgid());
    RETURNS(0, setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one));
    pid_t child = fork();
    if (child == 0)
        _exit(write(ends[0], "hi", 2) != 2);
    CHILD_OK(child);
    struct iovec piece = { buffer, sizeof buffer };
    struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
    RETURNS(2, recvmsg(ends[1], &message, 0));
    struct cmsghdr *first = CMSG_FIRSTHDR(&message);
    CHECK(first && first->cmsg_type == SCM_CREDENTIALS && first->cmsg_len == CMSG_LEN(sizeof peer));
    if (first) {
        memcpy(&peer, CMSG_DATA(first), sizeof peer);
        CHECK(peer.pid == child && peer.uid == getuid());
    }
    close(ends[0]);
    close(ends[1]);
}

static void many(void)
{
    int ends[2];
    char buffers[3][10];
    struct iovec pieces[3] = { { "a", 1 }, { "bb", 2 }, { "ccc", 3 } };
    struct mmsghdr messages[3] = { 0 };
    for (int i = 0; i < 3; i++)
        messages[i].msg_hdr = (struct msghdr){ .msg_iov = &pieces[i], .msg_iovlen = 1 };
    RETURNS(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
    RETURNS(3, sendmmsg(ends[0], messages, 3, 0));
    RETURNS(3, messages[2].msg_len);
    for (int i = 0; i < 3; i++)
        pieces[i] = (struct iovec){ buffers[i], 10 };
    RETURNS(3, recvmmsg(ends[1], messages, 3, MSG_DONTWAIT, NULL));
    RETURNS(2, messages[1].msg_len);
    FAILS(EAGAIN, recvmmsg(ends[1], messages, 3, MSG_DONTWAIT, NULL));
    close(ends[0]);
    close(ends[1]);
}

/* A blocked receiver is woken by data, by shutdown, and by a signal. */
static void on_alarm(int number)
{
    (void)number;
}

static void waiting(void)
{
    int ends[2];
    char byte;
    RETURNS(0, socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    pid_t child = fork();
    if (child == 0) {
        sleep_ms(20);
        _exit(write(ends[0], "x", 1) != 1);
    }
    RETURNS(1, read(ends[1], &byte, 1));
    CHILD_OK(child);
    struct sigaction action = { .sa_handler = on_alarm };
    sigaction(SIGALRM, &action, NULL);
    ualarm(20000, 0);
    FAILS(EINTR, read(ends[1], &byte, 1));
    child = fork();
    if (child == 0) {
        sleep_ms(20);
        _exit(shutdown(ends[0], SHUT_RDWR));
    }
    RETURNS(0, read(ends[1], &byte, 1));
    CHILD_OK(child);
    struct pollfd entry = { ends[1], POLLIN | POLLOUT | POLLRDHUP, 0 };
    RETURNS(1, poll(&entry, 1, 0));
    RETURNS(POLLIN | POLLOUT | POLLRDHUP | POLLHUP, entry.revents);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    packets();
    datagrams();
    credentials();
    many();
    waiting();
    return done();
}
