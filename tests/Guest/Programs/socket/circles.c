/* Sockets on their way in each other's queues: how many a user may have there, and that lost ones are found (unix(7)). */
#include "check.h"
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

static long send_files(int socket, const int *fds, int count)
{
    char byte = 'm', space[CMSG_SPACE(64 * sizeof(int))] = { 0 };
    struct iovec vector = { &byte, 1 };
    struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = space, .msg_controllen = CMSG_SPACE(count * sizeof(int)) };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(header), fds, count * sizeof(int));
    return sendmsg(socket, &message, MSG_DONTWAIT);
}

/* Closing any socket makes the kernel look for lost ones; some kernels do it a little later. */
static int is_closed_soon(int reader)
{
    for (int i = 0; i < 200; i++) {
        int pair[2];
        OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
        close(pair[0]);
        close(pair[1]);
        struct pollfd end = { reader, POLLIN, 0 };
        if (poll(&end, 1, 10) == 1 && (end.revents & POLLHUP))
            return 1;
    }
    return 0;
}

/* Both ends of a pair wait in each other, with the write end of a pipe. */
static void check_pair(int type)
{
    int pair[2], ends[2];
    OK(pipe(ends));
    OK(socketpair(AF_UNIX, type, 0, pair));
    int one[] = { pair[0], ends[1] };
    RETURNS(1, send_files(pair[0], one, 2));
    RETURNS(1, send_files(pair[1], &pair[1], 1));
    close(pair[0]);
    close(pair[1]);
    close(ends[1]);
    CHECK(is_closed_soon(ends[0]));
    close(ends[0]);
}

/* A listener waits in the queue of a connection that it has not accepted yet. */
static void check_listener(void)
{
    int ends[2], listener = OK(socket(AF_UNIX, SOCK_STREAM, 0)), client = OK(socket(AF_UNIX, SOCK_STREAM, 0));
    struct sockaddr_un name = { AF_UNIX, "circle" };
    unlink("circle");
    RETURNS(0, bind(listener, (void *)&name, sizeof name));
    RETURNS(0, listen(listener, 5));
    RETURNS(0, connect(client, (void *)&name, sizeof name));
    OK(pipe(ends));
    int both[] = { listener, ends[1] };
    RETURNS(1, send_files(client, both, 2));
    close(listener);
    close(client);
    close(ends[1]);
    CHECK(is_closed_soon(ends[0]));
    close(ends[0]);
    unlink("circle");
}

/* What somebody can still receive stays, however long the way to it is. */
static void check_chain(void)
{
    int first[2], second[2], ends[2], unused[2];
    OK(pipe(ends));
    OK(socketpair(AF_UNIX, SOCK_STREAM, 0, first));
    OK(socketpair(AF_UNIX, SOCK_STREAM, 0, second));
    RETURNS(1, send_files(second[0], &ends[1], 1));
    RETURNS(1, send_files(first[0], &second[1], 1));
    close(ends[1]);
    close(second[0]);
    close(second[1]);
    for (int i = 0; i < 100; i++) {
        OK(socketpair(AF_UNIX, SOCK_STREAM, 0, unused));
        close(unused[0]);
        close(unused[1]);
    }
    struct pollfd end = { ends[0], POLLIN, 0 };
    RETURNS(0, poll(&end, 1, 50));
    close(first[0]);
    close(first[1]);
    CHECK(is_closed_soon(ends[0]));
}

/* A user may have as many on the way as a process may have open. */
static void check_limit(void)
{
    struct rlimit files = { 100, 100 };
    int pair[2], sent = 0;
    RETURNS(0, setrlimit(RLIMIT_NOFILE, &files));
    RETURNS(0, setresuid(54322, 54322, 54322));
    OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
    int fds[20];
    for (int i = 0; i < 20; i++)
        fds[i] = OK(open("/dev/null", O_RDONLY));
    while (sent < 100 && send_files(pair[0], fds, 20) == 1)
        sent++;
    CHECK(errno == ETOOMANYREFS);
    CHECK(sent == 5 || sent == 6); /* Linux looks before it counts: one message more. */
}

int main(void)
{
    check_pair(SOCK_STREAM);
    check_pair(SOCK_DGRAM);
    check_pair(SOCK_SEQPACKET);
    check_listener();
    check_chain();
    IN_CHILD(check_limit());
    IN_CHILD(check_limit());
    return done();
}
