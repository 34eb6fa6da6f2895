// Arguments in memory that another thread changes while the call is under way.
#include "hostile.h"

static volatile int stop;
static struct { struct iovec io[4]; char path[64]; struct timespec time; uint64_t clone[11]; struct msghdr message; char control[64]; } *shared;

static void *flip(void *unused)
{
    for (uint64_t i = 0; !stop; i++) {
        shared->io[1].iov_len = i & 1 ? 16 : 0xffffffffffffffff;
        shared->io[2].iov_base = i & 1 ? (void *)shared : (void *)WINDOW_CODE;
        shared->io[3].iov_len = i & 2 ? 0x7fffffff : 1;
        shared->path[0] = i & 1 ? '/' : 0;
        shared->path[1] = i & 2 ? 't' : 'p';
        shared->time.tv_nsec = i & 1 ? 1 : -1;
        shared->clone[0] = i & 1 ? 0 : 0xffffffffffffffff;
        shared->clone[10] = i;
        shared->message.msg_controllen = i & 1 ? 16 : 0xffffffff;
        *(uint64_t *)shared->control = i & 2 ? 16 : 0xfffffff0;
        shared->message.msg_iovlen = i & 4 ? 2 : 0x100000;
    }
    return 0;
}

static void *remap(void *page)
{
    while (!stop) {
        mprotect(page, 4096, PROT_NONE);
        mprotect(page, 4096, PROT_READ | PROT_WRITE);
        munmap(page, 4096);
        mmap(page, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    }
    return 0;
}

static void hammer(void *unused)
{
    shared = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(shared->path, "/tmp/x");
    for (int i = 0; i < 4; i++)
        shared->io[i] = (struct iovec){ (char *)shared + 4096 * (i + 1), 64 };
    shared->message = (struct msghdr){ .msg_iov = shared->io, .msg_iovlen = 2, .msg_control = shared->control, .msg_controllen = 16 };
    pthread_t threads[3];
    pthread_create(threads, 0, flip, 0);
    pthread_create(threads + 1, 0, remap, page);
    pthread_create(threads + 2, 0, flip, 0);
    int zero = open("/dev/zero", O_RDWR), file = open("/tmp/race", O_RDWR | O_CREAT, 0600), pair[2], queue = epoll_create1(0);
    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    int program = open("/program", O_RDONLY);
    for (long long end = now_ms() + 4000; now_ms() < end;) {
        readv(zero, shared->io, 4), writev(file, shared->io, 4), ftruncate(file, 0);
        open(shared->path, O_RDONLY | O_DIRECTORY), mkdir(shared->path, 0700), unlink(shared->path);
        for (int fd = 64; fd < 80; fd++)
            close(fd);
        nanosleep(&shared->time, 0);
        sendmsg(pair[0], &shared->message, MSG_DONTWAIT), recvmsg(pair[1], &shared->message, MSG_DONTWAIT);
        process_vm_readv(getpid(), shared->io, 4, shared->io, 4, 0);
        read(zero, page, 4096), write(file, page, 4096), stat((char *)page, (void *)page);
        syscall(SYS_epoll_wait, queue, page, 64, 0), syscall(SYS_getcwd, page, 4096), syscall(SYS_uname, page);
        mmap(page, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, program, 0);
        long child = syscall(SYS_clone3, shared->clone, 88);
        if (child == 0)
            syscall(SYS_exit, 0);
    }
    stop = 1;
    _exit(0);
}

int main(void)
{
    for (int i = 0; i < 3; i++)
        attempt(hammer, 0, 15000);
    return finish();
}
