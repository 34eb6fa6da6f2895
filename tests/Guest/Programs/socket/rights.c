/* SCM_RIGHTS and SCM_CREDENTIALS over AF_UNIX. */
#include "check.h"
#include <sys/socket.h>

static long send_with(int socket, int type, const void *data, size_t length)
{
    char byte = 'm', space[256] = { 0 };
    struct iovec vector = { &byte, 1 };
    struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = space, .msg_controllen = CMSG_SPACE(length) };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(length);
    memcpy(CMSG_DATA(header), data, length);
    return sendmsg(socket, &message, 0);
}

/* Receives one byte and the control message's data; its length, or -1. */
static long receive_with(int socket, int type, void *data, size_t space_for, int flags, int *message_flags)
{
    char byte, space[256];
    struct iovec vector = { &byte, 1 };
    struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = space, .msg_controllen = CMSG_SPACE(space_for) };
    if (recvmsg(socket, &message, flags) != 1)
        return -1;
    *message_flags = message.msg_flags;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_type == type) {
            memcpy(data, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
            return header->cmsg_len - CMSG_LEN(0);
        }
    }
    return 0;
}

int main(void)
{
    int pair[2], flags, got[8];
    char text[16] = "";
    RETURNS(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    make_file("f", "content");
    int fds[2] = { OK(open("f", O_RDONLY)), OK(open("f", O_RDONLY)) };
    RETURNS(3, lseek(fds[0], 3, SEEK_SET));
    RETURNS(1, send_with(pair[0], SCM_RIGHTS, fds, sizeof fds));
    close(fds[0]);
    RETURNS(8, receive_with(pair[1], SCM_RIGHTS, got, sizeof fds, MSG_CMSG_CLOEXEC, &flags));
    RETURNS(FD_CLOEXEC, fcntl(got[0], F_GETFD));
    RETURNS(4, read(got[0], text, 16)); /* the description with its offset */
    CHECK(strcmp(text, "tent") == 0);
    RETURNS(7, read(got[1], text, 16));

    /* To a child, which has never opened it. */
    pid_t child = fork();
    if (child == 0) {
        int only;
        if (receive_with(pair[1], SCM_RIGHTS, &only, sizeof only, 0, &flags) != sizeof only)
            _exit(1);
        _exit(write(only, "from child", 10) != 10);
    }
    int ends[2];
    RETURNS(0, pipe(ends));
    RETURNS(1, send_with(pair[0], SCM_RIGHTS, &ends[1], sizeof(int)));
    close(ends[1]);
    RETURNS(10, read(ends[0], text, 16));
    CHILD_OK(child);
    RETURNS(0, read(ends[0], text, 16)); /* the last writer is gone */

    /* No room: truncated, and the descriptors that did not fit are closed. */
    RETURNS(0, pipe(ends));
    RETURNS(1, send_with(pair[0], SCM_RIGHTS, &ends[1], sizeof(int)));
    close(ends[1]);
    char byte;
    RETURNS(1, read(pair[1], &byte, 1)); /* read drops them too */
    RETURNS(0, read(ends[0], text, 1));
    int bad = 999;
    FAILS(EBADF, send_with(pair[0], SCM_RIGHTS, &bad, sizeof bad));

    /* A socket can be sent over itself; closing everything frees it. */
    int other[2];
    RETURNS(0, socketpair(AF_UNIX, SOCK_STREAM, 0, other));
    RETURNS(1, send_with(other[0], SCM_RIGHTS, &other[1], sizeof(int)));
    close(other[0]), close(other[1]);

    /* Unsent rights die with the socket they wait in. */
    RETURNS(0, pipe(ends));
    RETURNS(0, socketpair(AF_UNIX, SOCK_STREAM, 0, other));
    RETURNS(1, send_with(other[0], SCM_RIGHTS, &ends[1], sizeof(int)));
    close(ends[1]);
    close(other[0]), close(other[1]);
    RETURNS(0, read(ends[0], text, 1));

    /* Credentials. */
    int one = 1;
    RETURNS(0, setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one));
    struct ucred credentials;
    RETURNS(1, write(pair[0], "c", 1));
    RETURNS(sizeof credentials, receive_with(pair[1], SCM_CREDENTIALS, &credentials, sizeof credentials, 0, &flags));
    CHECK(credentials.pid == getpid() && credentials.uid == getuid() && credentials.gid == getgid());
    return done();
}
