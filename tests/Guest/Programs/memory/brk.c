/* brk(2), the stack's growth, RLIMIT_DATA and RLIMIT_AS, process_vm_readv(2) on oneself and a child. */
#include "check.h"
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>

static int deep(int levels)
{
    volatile char room[8192];
    room[levels % 8192] = levels;
    return levels == 0 ? 0 : deep(levels - 1) + (room[levels % 8192] != (char)levels);
}

int main(void)
{
    char *start = sbrk(0);
    CHECK(start != (void *)-1);
    CHECK(sbrk(100000) == start);
    memset(start, 'b', 100000);
    RETURNS(start + 100000, syscall(SYS_brk, 0));
    CHECK(syscall(SYS_brk, 4096) == (long)(start + 100000)); /* refused: the old break is answered */
    RETURNS(0, brk(start + 50000));
    CHECK(sbrk(50000) == start + 50000);
    CHECK(start[10] == 'b' && start[99999] == 0); /* given back and taken again: zero */
    IN_CHILD({
        CHECK(sbrk(0) == start + 100000);
        CHECK(start[10] == 'b');
        CHECK(sbrk(8192) == start + 100000);
    });
    CHECK(sbrk(0) == start + 100000);
    RETURNS(0, deep(700)); /* 5.6 MB of stack appear by themselves */

    IN_CHILD({
        struct rlimit limit = { 64 << 20, 64 << 20 };
        RETURNS(0, setrlimit(RLIMIT_AS, &limit));
        CHECK(mmap(NULL, 256 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == ENOMEM);
        CHECK(mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
    });

    char text[] = "remote", copy[16] = "";
    struct iovec local = { copy, 6 };
    struct iovec remote = { text, 6 };
    pid_t child = fork();
    if (child == 0) {
        memcpy(text, "child!", 6);
        pause();
        _exit(0);
    }
    int ok = 0;
    for (int i = 0; i < 200 && !ok; i++) {
        RETURNS(6, process_vm_readv(child, &local, 1, &remote, 1, 0));
        ok = memcmp(copy, "child!", 6) == 0;
        sleep_ms(1);
    }
    CHECK(ok);
    memcpy(copy, "poked!", 6);
    RETURNS(6, process_vm_writev(child, &local, 1, &remote, 1, 0));
    memset(copy, 0, 6);
    RETURNS(6, process_vm_readv(child, &local, 1, &remote, 1, 0));
    CHECK(memcmp(copy, "poked!", 6) == 0 && memcmp(text, "remote", 6) == 0);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    FAILS(ESRCH, process_vm_readv(99999, &local, 1, &remote, 1, 0));
    return done();
}
