/* Four threads make calls on pipes, sockets, epolls and timers with arguments that are half right and half nonsense. Nothing is
   expected of the answers: the kernel has to live, and to go on serving this process. */
#include "check.h"
#include <netinet/in.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

enum { SECONDS = 3, THREADS = 4, SLOTS = 64, SLOT_BYTES = 64, FIRST_FD = 3, FDS = 60 };

static char *arena; /* SLOTS slots that hold addresses, vectors, headers and numbers; pointers into it are valid ones */
static volatile int is_over;
static volatile long made;
static __thread uint64_t state;

static const int calls[] = {
    SYS_socket, SYS_socketpair, SYS_bind, SYS_listen, SYS_accept4, SYS_connect, SYS_getsockname, SYS_getpeername, SYS_sendto,
    SYS_recvfrom, SYS_sendmsg, SYS_recvmsg, SYS_sendmmsg, SYS_recvmmsg, SYS_shutdown, SYS_setsockopt, SYS_getsockopt, SYS_pipe2,
    SYS_eventfd2, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_ctl, SYS_epoll_wait, SYS_epoll_wait, SYS_poll, SYS_ppoll, SYS_select,
    SYS_pselect6, SYS_timerfd_create, SYS_timerfd_settime, SYS_timerfd_gettime, SYS_signalfd4, SYS_memfd_create, SYS_read,
    SYS_write, SYS_readv, SYS_writev, SYS_close, SYS_dup, SYS_ioctl, SYS_fcntl, SYS_splice, SYS_tee, SYS_sendfile, SYS_fstat,
};

static uint64_t any(void)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state;
}

static int fd(void) { return FIRST_FD + any() % FDS; }

static char *slot(void) { return arena + any() % SLOTS * SLOT_BYTES; }

static uint64_t argument(void)
{
    switch (any() % 8) {
    case 0: return any() % 4096;
    case 1: return 1ul << any() % 64;
    case 2: return any() % 4 ? -1ul : any();
    case 3: case 4: return fd();
    default: return (uint64_t)slot();
    }
}

/* Makes one slot look like something the calls read. */
static void prepare(void)
{
    char *place = slot();
    switch (any() % 6) {
    case 0: {
        struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(2000 + any() % 20) };
        name.sin_addr.s_addr = any() % 3 ? htonl(INADDR_LOOPBACK) : 0;
        memcpy(place, &name, sizeof name);
        break;
    }
    case 1: {
        char name[20] = { AF_UNIX };
        snprintf(name + 2 + any() % 2, 16, "f%d", (int)(any() % 8));
        memcpy(place, name, sizeof name);
        break;
    }
    case 2: {
        struct msghdr header = { slot(), any() % 128, (struct iovec *)slot(), any() % 4, slot(), any() % 200, 0 };
        memcpy(place, &header, sizeof header);
        break;
    }
    case 3: { /* SCM_RIGHTS or SCM_CREDENTIALS, of any length */
        uint64_t header[2] = { 16 + 4 * (any() % 8), (1 + any() % 2) << 32 | SOL_SOCKET };
        int fds[8] = { fd(), fd(), fd(), fd(), fd(), fd(), fd(), fd() };
        memcpy(place, header, sizeof header);
        memcpy(place + sizeof header, fds, sizeof fds);
        break;
    }
    case 4: {
        struct iovec vectors[2] = { { slot(), any() % 70000 }, { slot(), any() % 100 } };
        memcpy(place, vectors, sizeof vectors);
        break;
    }
    default:
        for (int i = 0; i < SLOT_BYTES / 8; i++)
            ((uint64_t *)place)[i] = argument();
    }
}

/* Most calls get a first argument that makes sense, and flags that do not block. */
static void straighten(int call, uint64_t *a)
{
    static const int domains[] = { AF_UNIX, AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };
    a[0] = fd();
    switch (call) {
    case SYS_socket: case SYS_socketpair: a[0] = domains[any() % 5], a[1] = (1 + any() % 5) | SOCK_NONBLOCK, a[2] = 0; break;
    case SYS_pipe2: a[0] = (uint64_t)slot(), a[1] = O_NONBLOCK | (any() % 2 ? O_DIRECT : 0); break;
    case SYS_eventfd2: case SYS_timerfd_create: a[0] = any() % 2, a[1] = O_NONBLOCK; break;
    case SYS_epoll_create1: a[0] = 0; break;
    case SYS_epoll_ctl: a[1] = 1 + any() % 3, a[2] = fd(); break;
    case SYS_epoll_wait: a[2] = 1 + any() % 300, a[3] = any() % 3; break;
    case SYS_poll: a[0] = (uint64_t)arena, a[1] = any() % 20, a[2] = any() % 3; break;
    case SYS_bind: case SYS_connect: a[1] = (uint64_t)slot(), a[2] = any() % 2 ? 16 : 20; break;
    case SYS_sendto: case SYS_recvfrom: a[1] = (uint64_t)arena, a[2] = any() % 80000, a[3] |= MSG_DONTWAIT; break;
    case SYS_sendmsg: case SYS_recvmsg: a[1] = (uint64_t)slot(), a[2] = MSG_DONTWAIT | (any() % 4 ? 0 : any()); break;
    case SYS_accept4: a[3] = SOCK_NONBLOCK; break;
    case SYS_signalfd4: a[0] = -1, a[2] = 8, a[3] = O_NONBLOCK; break;
    case SYS_read: case SYS_write: a[1] = (uint64_t)arena, a[2] = any() % 65536; break;
    case SYS_fcntl: a[1] = any() % 2 ? F_SETPIPE_SZ : F_SETFL, a[2] = any() % 2 ? O_NONBLOCK : any() % 2000000; break;
    }
}

static void *work(void *number)
{
    state = (uint64_t)number * 0x9E3779B97F4A7C15;
    while (!is_over) {
        int call = calls[any() % (sizeof calls / sizeof *calls)];
        uint64_t a[6] = { argument(), argument(), argument(), argument(), argument(), argument() };
        prepare();
        if (any() % 8)
            straighten(call, a);
        syscall(call, a[0], a[1], a[2], a[3], a[4], a[5]);
        __sync_fetch_and_add(&made, 1);
    }
    return NULL;
}

static void on_alarm(int number) { (void)number; }

int main(void)
{
    pthread_t threads[THREADS];
    int result = fcntl(1, F_DUPFD, 200); /* out of the threads' reach, mostly */
    for (int i = 0; i < 3; i++)
        dup2(open("/dev/null", O_RDWR), i);
    struct sigaction action = { .sa_handler = on_alarm }; /* no SA_RESTART: what blocks comes back */
    sigaction(SIGALRM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    arena = mmap(NULL, 1 << 17, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (long i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)(i + 1));
    for (int64_t end = now_ms() + SECONDS * 1000 + 500; now_ms() < end; sleep_ms(5)) {
        is_over = now_ms() > end - 500;
        for (int i = 0; i < THREADS; i++)
            pthread_kill(threads[i], SIGALRM);
    }

    int ends[2];
    char byte = 0;
    dup2(result, 1);
    CHECK(made > 1000);
    for (int i = FIRST_FD; i < 200; i++)
        close(i);
    RETURNS(0, pipe(ends)); /* the kernel still serves us */
    RETURNS(1, write(ends[1], "x", 1));
    RETURNS(1, read(ends[0], &byte, 1));
    RETURNS('x', byte);
    _exit(done());
}
