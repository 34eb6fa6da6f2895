// As many descriptors, processes, threads, mappings, signals and queued bytes as one can get.
#include "hostile.h"

static void descriptors(void *unused)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    int fd = 0, count = 0, pair[2];
    while ((fd = open("/dev/null", O_RDONLY)) >= 0)
        count++;
    if (errno != EMFILE)
        fail("open ends with EMFILE", errno);
    for (int i = 3; i < 200; i++)
        close(i);
    int high[] = { -1, 0x7fffffff, 1 << 20, (int)limit.rlim_max, (int)limit.rlim_max - 1 };
    for (int i = 0; i < 5; i++) {
        dup2(0, high[i]);
        fcntl(0, F_DUPFD, high[i]);
        fcntl(0, F_DUPFD_CLOEXEC, high[i]);
    }
    while (pipe(pair) == 0)
        fcntl(pair[1], F_SETPIPE_SZ, 1 << 20);
    _exit(failures != 0);
}

static void circles_of_sockets(void *unused)
{
    // Sockets that hold each other in flight, let go: only a collector, or a limit, ends this.
    for (int round = 0; round < 2000; round++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
            break;
        char control[CMSG_SPACE(sizeof pair)] = { 0 };
        struct iovec data = { "x", 1 };
        struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET, header->cmsg_type = SCM_RIGHTS, header->cmsg_len = CMSG_LEN(sizeof pair);
        memcpy(CMSG_DATA(header), pair, sizeof pair);
        while (sendmsg(pair[0], &message, MSG_DONTWAIT) > 0)
            ;
        close(pair[0]), close(pair[1]);
    }
}

static void processes(void *unused)
{
    struct rlimit limit = { 200, 200 };
    setrlimit(RLIMIT_NPROC, &limit);
    setresuid(1000, 1000, 1000);
    for (int i = 0; i < 5000; i++)
        if (fork() == 0 && i > 8)
            pause();
    for (;;)
        pause();
}

static void *sleeper(void *unused)
{
    for (;;)
        pause();
}

static void threads(void *unused)
{
    pthread_attr_t small;
    pthread_t thread;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 16384);
    for (int i = 0; i < 400 && pthread_create(&thread, &small, sleeper, 0) == 0; i++)
        ;
    _exit(0);
}

static void mappings(void *unused)
{
    int file = open("/program", O_RDONLY);
    for (int i = 0; i < 3000; i++) {
        mmap(0, 4096, i & 1 ? PROT_READ : PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
        mmap(0, 4096, i & 1 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    mmap(0, 1UL << 46, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    int memory = memfd_create("m", 0);
    ftruncate(memory, 1L << 62);
    pwrite(memory, "x", 1, (1L << 62) - 1);
    fallocate(memory, 0, 0, 1L << 50);
}

static volatile int counted;

static void count(int signal)
{
    counted++;
}

static void storm(void *unused)
{
    struct sigaction action = { .sa_handler = count, .sa_flags = SA_NODEFER | SA_RESTART };
    for (int signal = 1; signal < 65; signal++)
        sigaction(signal, &action, 0);
    pid_t parent = getpid();
    for (int i = 0; i < 4; i++)
        if (fork() == 0) {
            for (int n = 0; n < 5000; n++)
                kill(parent, n % 2 ? SIGUSR1 : SIGRTMIN + n % 20);
            union sigval value = { 0 };
            while (sigqueue(parent, SIGRTMAX, value) == 0 && counted++ < 5000)
                ;
            _exit(0);
        }
    while (waitpid(-1, 0, 0) > 0 || errno == EINTR)
        getppid();
}

static void overflow(int signal)
{
    volatile char stack[512];
    stack[0] = signal;
    raise(signal);
}

static void stackless(void *unused)
{
    struct sigaction action = { .sa_handler = overflow, .sa_flags = SA_NODEFER };
    sigaction(SIGUSR1, &action, 0);
    raise(SIGUSR1);
}

static void bad_stack(void *address)
{
    stack_t stack = { .ss_sp = address, .ss_size = 8192 };
    sigaltstack(&stack, 0);
    struct sigaction action = { .sa_handler = count, .sa_flags = SA_ONSTACK };
    sigaction(SIGUSR1, &action, 0);
    raise(SIGUSR1);
}

static void forged_return(void *seed)
{
    static uint64_t frame[512];
    uint64_t x = (uint64_t)seed * 0x9E3779B97F4A7C15UL + 1;
    for (int i = 0; i < 512; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        frame[i] = x % 3 ? x : x % 100;
    }
    asm volatile("mov %0, %%rsp\n mov $15, %%eax\n syscall" :: "r"(frame + 64) : "memory");
}

int main(int argc, char **argv)
{
    // One kind of flood each: argv[1].
    void *stacks[] = { 0, (void *)1, (void *)WINDOW_SLOTS, (void *)WINDOW_CODE, (void *)0x7ffffffff000, (void *)-4096L };
    if (!strcmp(argv[1], "descriptors")) {
        int status = attempt(descriptors, 0, 30000);
        if (status > 0)
            fail("descriptors", status);
    } else if (!strcmp(argv[1], "sockets")) {
        attempt(circles_of_sockets, 0, 10000);
    } else if (!strcmp(argv[1], "processes")) {
        attempt(processes, 0, 3000);
    } else if (!strcmp(argv[1], "threads")) {
        attempt(threads, 0, 10000);
    } else if (!strcmp(argv[1], "mappings")) {
        attempt(mappings, 0, 20000);
    } else {
        attempt(storm, 0, 10000);
        attempt(stackless, 0, 10000);
        for (int i = 0; i < 6; i++)
            attempt(bad_stack, stacks[i], 2000);
        for (long seed = 0; seed < 60; seed++)
            attempt(forged_return, (void *)seed, 300);
    }
    return finish();
}
