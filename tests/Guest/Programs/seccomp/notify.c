/* seccomp_unotify(2): one process answers the calls of another. */
#include "seccomp.h"
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static int pass[2];

static void send_fd(int fd)
{
    char byte = 0, room[CMSG_SPACE(sizeof(int))] = { 0 };
    struct iovec part = { &byte, 1 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr) { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) };
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    RETURNS(1, sendmsg(pass[1], &message, 0));
}

static int receive_fd(void)
{
    char byte, room[CMSG_SPACE(sizeof(int))];
    struct iovec part = { &byte, 1 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room };
    RETURNS(1, recvmsg(pass[0], &message, 0));
    int fd;
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    return fd;
}

static void supervised(void)
{
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    int listener = OK(install_for(SYS_getpriority, SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER));
    RETURNS(FD_CLOEXEC, fcntl(listener, F_GETFD));
    FAILS(EBUSY, install_for(SYS_times, SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER));
    send_fd(listener);
    close(listener);
    RETURNS(1234, syscall(SYS_getpriority, 1, 2)); /* A value */
    FAILS(EDOM, syscall(SYS_getpriority, 1, 2));   /* An error */
    RETURNS(20, syscall(SYS_getpriority, 0, 0));   /* The call itself */
    int given = OK(syscall(SYS_getpriority, 3, 4)); /* A descriptor */
    char letter = 0;
    RETURNS(1, read(given, &letter, 1));
    RETURNS('x', letter);
    FAILS(ENOSYS, syscall(SYS_getpriority, 0, 0)); /* The supervisor is gone. */
}

static uint64_t receive_call(int listener, pid_t child, uint64_t first)
{
    struct pollfd ready = { .fd = listener, .events = POLLIN };
    struct seccomp_notif call;
    RETURNS(1, poll(&ready, 1, -1));
    memset(&call, 0, sizeof call);
    RETURNS(0, ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call));
    RETURNS(child, call.pid);
    RETURNS(SYS_getpriority, call.data.nr);
    RETURNS(AUDIT_ARCH_X86_64, call.data.arch);
    RETURNS(first, call.data.args[0]);
    RETURNS(0, ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &call.id));
    return call.id;
}

int main(void)
{
    socketpair(AF_UNIX, SOCK_STREAM, 0, pass);
    pid_t child = fork();
    if (child == 0) {
        supervised();
        _exit(failures != 0);
    }
    int listener = receive_fd();
    struct seccomp_notif_resp answer = { .id = receive_call(listener, child, 1), .val = 1234 };
    RETURNS(0, ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer));
    while (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) == -1 && errno == EINPROGRESS)
        sched_yield(); /* until the child has taken the answer */
    FAILS(ENOENT, ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer));
    FAILS(ENOENT, ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &answer.id));
    answer = (struct seccomp_notif_resp) { .id = receive_call(listener, child, 1), .error = -EDOM };
    RETURNS(0, ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer));
    answer = (struct seccomp_notif_resp) { .id = receive_call(listener, child, 0), .val = 1, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
    FAILS(EINVAL, ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer));
    answer.val = 0;
    RETURNS(0, ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer));
    int ends[2];
    RETURNS(0, pipe(ends));
    RETURNS(1, write(ends[1], "x", 1));
    struct seccomp_notif_addfd addition = { .id = receive_call(listener, child, 3), .srcfd = ends[0] };
    answer = (struct seccomp_notif_resp) { .id = addition.id, .val = OK(ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &addition)) };
    RETURNS(0, ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer));
    FAILS(EINVAL, ioctl(listener, 0x1234, 0));
    receive_call(listener, child, 0);
    close(listener);
    CHILD_OK(child);
    return done();
}
