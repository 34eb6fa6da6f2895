/* sendmsg(2), recvmsg(2): many buffers, too many, and which wrong one counts. */
#include "check.h"
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

int main(void)
{
    static char bytes[1024];
    struct iovec many[1025];
    struct msghdr message = { .msg_iov = many, .msg_iovlen = 1024 };
    int pair[2];
    signal(SIGPIPE, SIG_IGN);
    RETURNS(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));

    for (int i = 0; i < 1025; i++)
        many[i] = (struct iovec){ &bytes[i % 1024], 1 };
    for (int i = 0; i < 1024; i++)
        bytes[i] = (char)(i * 7);
    RETURNS(1024, sendmsg(pair[0], &message, 0));
    memset(bytes, 0, sizeof bytes);
    RETURNS(1024, recvmsg(pair[1], &message, 0));
    for (int i = 0; i < 1024; i++)
        CHECK(bytes[i] == (char)(i * 7));
    message.msg_iovlen = 1025;
    FAILS(EMSGSIZE, sendmsg(pair[0], &message, 0));
    FAILS(EMSGSIZE, recvmsg(pair[1], &message, 0));
    FAILS(EINVAL, writev(pair[0], many, 1025));

    /* A negative length anywhere comes before an address that cannot be a program's. */
    struct iovec wrong[2] = { { (void *)(1ul << 63), 1 }, { bytes, (size_t)-1 } };
    message = (struct msghdr){ .msg_iov = wrong, .msg_iovlen = 2 };
    FAILS(EINVAL, sendmsg(pair[0], &message, 0));
    FAILS(EINVAL, writev(pair[0], wrong, 2));
    wrong[1].iov_len = 1;
    FAILS(EFAULT, sendmsg(pair[0], &message, 0));
    FAILS(EFAULT, writev(pair[0], wrong, 2));
    FAILS(EFAULT, send(pair[0], wrong[0].iov_base, 1, 0));

    /* A stream sends nothing of a piece it cannot read, a message neither. */
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    RETURNS(0, munmap(pages + 4096, 4096));
    FAILS(EFAULT, send(pair[0], pages + 4096, 10, 0));
    FAILS(EAGAIN, recv(pair[1], bytes, 1, MSG_DONTWAIT));
    RETURNS(3, send(pair[0], "abc", 3, 0));
    FAILS(EFAULT, recv(pair[1], pages + 4096, 10, 0));

    /* write(2) of a stream with SO_PASSCRED on the other side carries everything, with its sender. */
    int one = 1;
    RETURNS(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
    RETURNS(0, setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one));
    RETURNS(4, write(pair[0], "four", 4));
    char control[CMSG_SPACE(sizeof(struct ucred))];
    struct iovec piece = { bytes, sizeof bytes };
    message = (struct msghdr){ .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
    RETURNS(4, recvmsg(pair[1], &message, 0));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    CHECK(header != NULL && header->cmsg_type == SCM_CREDENTIALS);
    CHECK(header != NULL && ((struct ucred *)CMSG_DATA(header))->pid == getpid());
    return done();
}
