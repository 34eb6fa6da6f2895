// Kernel objects of one kind (argv[1]) in many processes until they are refused: an errno, and the sandbox lives.
#include "hostile.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/xattr.h>

enum { PROCESSES = 12, BLOCK = 65536, MAX_RANDOM = 200000 };
static char block[1 << 20];
static int *refused; // Shared: how many came to an end; then what each was told.

static void all_descriptors(void)
{
    struct rlimit limit = { 1 << 20, 1 << 20 };
    if (setrlimit(RLIMIT_NOFILE, &limit)) {
        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int pipes(int number)
{
    int ends[2];
    for (;;) {
        if (pipe2(ends, O_NONBLOCK))
            return errno;
        fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
        for (ssize_t n; (n = write(ends[1], block, BLOCK)) != -1 || errno != EAGAIN;)
            if (n == -1)
                return errno;
    }
}

static int sockets(int number)
{
    int pair[2], type = number % 3 == 0 ? SOCK_STREAM : number % 3 == 1 ? SOCK_DGRAM : SOCK_SEQPACKET, most = 1 << 20;
    for (;;) {
        if (socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair))
            return errno;
        setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &most, sizeof most);
        for (ssize_t n; (n = send(pair[0], block, BLOCK / 2, 0)) != -1 || errno != EAGAIN;)
            if (n == -1)
                return errno;
    }
}

static int tables(int number)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (dup2(0, limit.rlim_cur - 1) < 0)
        return errno;
    for (int i = 0; i < 40; i++) {
        pid_t child = fork();
        if (child < 0)
            return errno;
        if (child == 0)
            for (;;)
                pause();
    }
    return 0;
}

static int files(int number)
{
    char name[64];
    if (unshare(CLONE_NEWNS) || mount("none", "/tmp", "tmpfs", 0, "nr_inodes=0,size=1g"))
        return errno;
    memset(block, 'l', 4000);
    block[4000] = 0;
    for (int i = 0; i < MAX_RANDOM; i++) {
        snprintf(name, sizeof name, "/tmp/%d", i);
        if (symlink(block, name))
            return errno;
    }
    return 0;
}

static int attributes(int number)
{
    char name[64];
    for (int i = 0; i < MAX_RANDOM; i++) {
        snprintf(name, sizeof name, "/tmp/x%d-%d", number, i);
        int fd = open(name, O_CREAT | O_RDWR, 0600);
        if (fd < 0)
            return errno;
        if (fsetxattr(fd, "user.a", block, 60000, 0) || fsetxattr(fd, "user.b", block, 60000, 0))
            return errno;
        close(fd);
    }
    return 0;
}

static int messages(int number)
{
    struct { long type; char text[8192]; } message = { 1 };
    for (;;) {
        int id = msgget(IPC_PRIVATE, 0600);
        if (id < 0)
            return errno;
        struct msqid_ds state;
        msgctl(id, IPC_STAT, &state);
        state.msg_qbytes = 64 << 20;
        msgctl(id, IPC_SET, &state);
        while (msgsnd(id, &message, sizeof message.text, IPC_NOWAIT) == 0)
            ;
        if (errno != EAGAIN)
            return errno;
    }
}

static int filters(int number)
{
    static struct sock_filter code[4000];
    for (int i = 0; i < 3999; i++)
        code[i] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM, 0);
    code[3999] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = { 4000, code };
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();
        if (child < 0)
            return errno;
        if (child == 0) {
            while (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0)
                ;
            for (;;)
                pause();
        }
    }
    return 0;
}

static int watches(int number)
{
    char name[64];
    int inotify = inotify_init1(IN_NONBLOCK);
    if (inotify < 0)
        return errno;
    for (int i = 0; i < MAX_RANDOM; i++) {
        snprintf(name, sizeof name, "/tmp/w%d-%d", number, i);
        close(open(name, O_CREAT | O_RDWR, 0600));
        if (inotify_add_watch(inotify, name, IN_ALL_EVENTS) < 0)
            return errno;
    }
    return 0;
}

static int epolls(int number)
{
    int ends[2], epoll;
    if (pipe(ends))
        return errno;
    struct epoll_event event = { EPOLLIN };
    for (;;) {
        if ((epoll = epoll_create1(0)) < 0)
            return errno;
        for (int fd = 100; fd < 1000; fd++)
            if (dup2(ends[0], fd) < 0 || (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) && errno != EEXIST))
                return errno;
    }
}

static int signals(int number)
{
    struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
    setrlimit(RLIMIT_SIGPENDING, &limit);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, 0);
    union sigval value = { 0 };
    for (long i = 0; i < 20 * MAX_RANDOM; i++)
        if (sigqueue(getpid(), SIGRTMIN + i % 8, value))
            return errno;
    return 0;
}

static int timers(int number)
{
    struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
    setrlimit(RLIMIT_SIGPENDING, &limit);
    timer_t timer;
    for (int i = 0; i < MAX_RANDOM; i++)
        if (timer_create(CLOCK_MONOTONIC, 0, &timer))
            return errno;
    return 0;
}

static int texts(int number)
{
    char byte;
    for (int i = 0; i < 20000; i++)
        mmap(0, 4096, i % 2 ? PROT_READ : PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (;;) {
        int fd = open("/proc/self/maps", O_RDONLY);
        if (fd < 0 || read(fd, &byte, 1) != 1)
            return errno;
    }
}

static void *receive(void *socket)
{
    static char big[2 << 20];
    recv((long)socket, big, sizeof big, 0);
    return 0;
}

static int receivers(int number)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair))
        return errno;
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    for (int i = 0; i < 60; i++) {
        pthread_t thread;
        int error = pthread_create(&thread, &small, receive, (void *)(long)pair[0]);
        if (error)
            return error;
    }
    return 0;
}

static int flights(int number)
{
    int pair[2];
    for (;;) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair))
            return errno;
        char control[CMSG_SPACE(200 * sizeof(int))] = { 0 };
        struct iovec data = { "x", 1 };
        struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET, header->cmsg_type = SCM_RIGHTS, header->cmsg_len = CMSG_LEN(200 * sizeof(int));
        for (int i = 0; i < 200; i++)
            ((int *)CMSG_DATA(header))[i] = pair[1];
        while (sendmsg(pair[0], &message, MSG_DONTWAIT) > 0)
            ;
        if (errno != EAGAIN)
            return errno;
    }
}

// Connections that nobody accepts, and whose other ends are long gone.
static int accepts(int number)
{
    struct linger hard = { 1, 0 };
    for (int i = 0; i < 60; i++) {
        struct sockaddr_in here = { AF_INET, 0, { htonl(INADDR_LOOPBACK) }, { 0 } };
        socklen_t length = sizeof here;
        int listener = socket(AF_INET, SOCK_STREAM, 0);
        if (listener < 0 || bind(listener, (void *)&here, length) || listen(listener, 4096))
            return errno;
        getsockname(listener, (void *)&here, &length);
        for (int k = 0; k < 4097; k++) {
            int end = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), error = 0;
            if (end < 0)
                return errno;
            setsockopt(end, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
            if (connect(end, (void *)&here, length) && errno != EINPROGRESS)
                return errno;
            struct pollfd ready = { end, POLLOUT, 0 };
            if (poll(&ready, 1, 1000) != 1)
                return ENOBUFS; // Its first segment was dropped.
            length = sizeof error;
            getsockopt(end, SOL_SOCKET, SO_ERROR, &error, &length);
            if (error)
                return error;
            length = sizeof here;
            close(end);
        }
    }
    return ERANGE; // Never refused.
}

static int groups(int number)
{
    for (;;) {
        int end = socket(AF_INET6, SOCK_DGRAM, 0);
        if (end < 0)
            return errno;
        for (unsigned i = 0; i < 64; i++) {
            struct ipv6_mreq wanted = { { { { 0xff, 2, number } } }, 1 };
            memcpy(&wanted.ipv6mr_multiaddr.s6_addr[8], &end, sizeof end);
            memcpy(&wanted.ipv6mr_multiaddr.s6_addr[12], &i, sizeof i);
            if (setsockopt(end, IPPROTO_IPV6, IPV6_JOIN_GROUP, &wanted, sizeof wanted))
                return errno;
        }
    }
}

static int mounts(int number)
{
    if (unshare(CLONE_NEWNS))
        return errno;
    for (;;)
        if (mount("none", "/tmp", "tmpfs", 0, ""))
            return errno;
}

static const struct { const char *name; int (*make)(int number); int user; } kinds[] = {
    { "pipes", pipes, 0 }, { "user-pipes", pipes, 1000 }, { "sockets", sockets, 0 }, { "tables", tables, 0 },
    { "files", files, 0 }, { "attributes", attributes, 0 }, { "messages", messages, 0 }, { "filters", filters, 1000 },
    { "watches", watches, 0 }, { "epolls", epolls, 0 }, { "signals", signals, 0 }, { "timers", timers, 0 },
    { "texts", texts, 0 }, { "receivers", receivers, 0 }, { "flights", flights, 1000 }, { "mounts", mounts, 0 },
    { "accepts", accepts, 1000 }, { "groups", groups, 1000 },
};

static int is_fair(int error)
{
    int fair[] = { 0, ENOMEM, ENOBUFS, ENFILE, EMFILE, ENOSPC, EAGAIN, EPERM, EDQUOT, ETOOMANYREFS };
    for (size_t i = 0; i < sizeof fair / sizeof *fair; i++)
        if (error == fair[i])
            return 1;
    return 0;
}

static void flood(void *which)
{
    long kind = (long)which;
    all_descriptors();
    for (int i = 0; i < PROCESSES; i++) {
        if (fork() != 0)
            continue;
        if (kinds[kind].user)
            syscall(SYS_setresuid, kinds[kind].user, kinds[kind].user, kinds[kind].user);
        int error = kinds[kind].make(i);
        if (!is_fair(error))
            refused[1 + i] = error;
        __atomic_add_fetch(refused, 1, __ATOMIC_SEQ_CST);
        for (;;)
            pause();
    }
    while (__atomic_load_n(refused, __ATOMIC_SEQ_CST) < PROCESSES)
        usleep(20000);
}

int main(int argc, char **argv)
{
    refused = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memset(block, 'x', sizeof block);
    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        if (strcmp(argv[1], kinds[kind].name))
            continue;
        // Twice: what the first have made is gone with them.
        for (int round = 0; round < 2; round++) {
            memset(refused, 0, 4096);
            attempt(flood, (void *)kind, 60000);
            printf("%s: %d of %d were refused or done\n", argv[1], refused[0], PROCESSES);
            for (int i = 0; i < PROCESSES; i++)
                if (refused[1 + i])
                    fail("an odd errno", refused[1 + i]);
        }
        // What nobody takes down is found once a second, and later on a busy machine.
        for (int i = 0, ends[2]; i < 100; i++) {
            usleep(200000);
            if (pipe(ends) == 0) {
                close(ends[0]);
                close(ends[1]);
                break;
            }
        }
        return finish();
    }
    return 2;
}
