/*
 * The bytes of calls that are made often, which a sandbox may move by a shortcut: whatever it does, bad addresses, ranges that
 * end in the middle, overlapping buffers, large ones, signals and changing mappings give what Linux gives.
 */
#include "check.h"
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#define WARM 600
#define PAGE 4096
#define LARGE 70000

static unsigned char text[LARGE], got[LARGE];
static char *pages; /* two that can be used, one that cannot, one that can be read */
static int file, folder;

/* One place for all calls: rax, rdi, rsi, rdx, r10, r8, r9 before and after. The sixth argument comes from the stack, as libc has it. */
struct registers {
    long rax, rdi, rsi, rdx, r10, r8, r9;
};

void raw_call(struct registers *);
__asm__(
    ".text\nraw_call:\n push %rbx\n mov %rdi, %rbx\n"
    "mov 0(%rbx), %rax; mov 16(%rbx), %rsi; mov 24(%rbx), %rdx; mov 32(%rbx), %r10; mov 40(%rbx), %r8\n"
    "push 48(%rbx)\n push $0\n mov 8(%rbx), %rdi\n"
    "mov 8(%rsp), %r9\n syscall\n"
    "add $16, %rsp\n mov %rax, 0(%rbx); mov %rdi, 8(%rbx); mov %rsi, 16(%rbx); mov %rdx, 24(%rbx); mov %r10, 32(%rbx)\n"
    "mov %r8, 40(%rbx); mov %r9, 48(%rbx)\n pop %rbx\n ret\n");

static long result(long value)
{
    if (value < 0 && value > -4096) {
        errno = -value;
        return -1;
    }
    return value;
}

/* Nothing but the result changes. */
static long call(long number, long a, long b, long c, long d)
{
    struct registers r = { number, a, b, c, d, 0x5555, 0x6666 }, before = r;
    raw_call(&r);
    long value = r.rax;
    r.rax = before.rax;
    if (memcmp(&r, &before, sizeof r) != 0)
        CHECK(!"a call changes nothing but its result");
    return result(value);
}

static void expect(const char *what, long got, long wanted, int error)
{
    if (got != wanted || (got == -1 && errno != error))
        complain(__FILE__, __LINE__, what, got, errno);
    if (failures > 50)
        _exit(1);
}

/* Every address that is none, at every argument that is one. */
static void bad_addresses(void)
{
    struct { const char *what; long number, a, b, c, d; int at; } calls[] = {
        { "stat path", SYS_stat, 0, (long)got, 0, 0, 0 },
        { "stat buffer", SYS_stat, (long)"data", 0, 0, 0, 1 },
        { "newfstatat path", SYS_newfstatat, AT_FDCWD, 0, (long)got, 0, 1 },
        { "newfstatat buffer", SYS_newfstatat, AT_FDCWD, (long)"data", 0, 0, 2 },
        { "openat", SYS_openat, AT_FDCWD, 0, O_RDONLY, 0, 1 },
        { "access", SYS_access, 0, F_OK, 0, 0, 0 },
        { "readlink path", SYS_readlink, 0, (long)got, 100, 0, 0 },
        { "readlink buffer", SYS_readlink, (long)"link", 0, 100, 0, 1 },
        { "pread", SYS_pread64, file, 0, 100, 0, 1 },
        { "pwrite", SYS_pwrite64, file, 0, 100, 0, 1 },
        { "readv", SYS_readv, file, 0, 1, 0, 1 },
        { "writev", SYS_writev, file, 0, 1, 0, 1 },
        { "fstat", SYS_fstat, file, 0, 0, 0, 1 },
        { "getcwd", SYS_getcwd, 0, 100, 0, 0, 0 },
    };
    long bad[] = { 1, 0xFFFF, 0x12345678, (long)pages + 2 * PAGE, (long)pages + 3 * PAGE - 1, 0x800000000000, -1, -4095,
                   (long)0x8000000000000000 };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        for (int round = 0; round < 3; round++) {
            for (size_t j = 0; j < sizeof bad / sizeof *bad; j++) {
                long *arguments = &calls[i].a;
                arguments[calls[i].at] = bad[j];
                expect(calls[i].what, call(calls[i].number, calls[i].a, calls[i].b, calls[i].c, calls[i].d), -1, EFAULT);
            }
        }
    }
    char *readable = pages + 3 * PAGE;
    for (int i = 0; i < 10; i++) {
        expect("stat to what is read-only", call(SYS_stat, (long)"data", (long)readable, 0, 0), -1, EFAULT);
        expect("pread to what is read-only", call(SYS_pread64, file, (long)readable, 100, 0), -1, EFAULT);
        expect("pwrite from what is read-only", call(SYS_pwrite64, file, (long)readable, 0, 0), 0, 0);
        expect("stat of what is read-only", call(SYS_stat, (long)readable + 100, (long)got, 0, 0), -1, ENOENT);
    }
}

static void path_at(char *place, size_t length)
{
    memset(place, '/', length);
    memcpy(place + length - 4, "data", 5);
    if (length > 5)
        place[0] = '.';
}

/* Strings that end with their page, cross it, or do not end. */
static void strings(void)
{
    struct stat st;
    size_t lengths[] = { 4, 6, 100, 254, 255, 256, 257, 300, 511, 512, 1000, 4090, 4094 };
    char *end = pages + 2 * PAGE;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            size_t length = lengths[i];
            for (int shift = -3; shift <= 3; shift++) {
                char *start = pages + PAGE - length - 1 + shift;
                if (start < pages)
                    continue;
                path_at(start, length);
                expect("a path near a page's end", call(SYS_stat, (long)start, (long)&st, 0, 0), 0, 0);
            }
            char *start = end - length - 1;
            path_at(start, length);
            expect("a path to the end", call(SYS_stat, (long)start, (long)&st, 0, 0), 0, 0);
            expect("and what was open", call(SYS_access, (long)start, R_OK, 0, 0), 0, 0);
            memmove(start + 1, start, length);
            expect("a path without an end", call(SYS_stat, (long)start + 1, (long)&st, 0, 0), -1, EFAULT);
        }
    }
    char longest[5000];
    memset(longest, '/', sizeof longest);
    for (int i = 0; i < 5; i++)
        expect("a path that is too long", call(SYS_stat, (long)longest, (long)&st, 0, 0), -1, ENAMETOOLONG);
}

/* Buffers of all sizes, and those of which only a part can be used. */
static void sizes(void)
{
    int sizes[] = { 0, 1, 7, 8, 9, 1023, 1024, 1025, 4095, 4096, 4097, 16383, 16384, 16385, 20000, 32000, 32768, 40000, 65536, LARGE };
    for (int round = 0; round < 6; round++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            int size = sizes[i], at = round * 3;
            for (int j = 0; j < size; j++)
                text[j] = j * 7 + round + size;
            memset(got, 0xEE, sizeof got);
            expect("pwrite", call(SYS_pwrite64, file, (long)text, size, at), size, 0);
            expect("pread", call(SYS_pread64, file, (long)got, size, at), size, 0);
            CHECK(memcmp(got, text, size) == 0 && (size == LARGE || got[size] == 0xEE));
        }
    }
    for (int i = 0; i < 20; i++) {
        char *start = pages + 2 * PAGE - 100;
        expect("pwrite", call(SYS_pwrite64, file, (long)text, 4096, 0), 4096, 0);
        long count = call(SYS_pread64, file, (long)start, 4000, 0);
        CHECK(count == 100 || (count == -1 && errno == EFAULT));
        if (count == 100)
            CHECK(memcmp(start, text, 100) == 0);
        count = call(SYS_pwrite64, file, (long)start, 4000, 0);
        CHECK(count == 100 || (count == -1 && errno == EFAULT));
        struct iovec parts[] = { { got, 50 }, { start, 200 }, { got + 50, 50 } };
        count = call(SYS_preadv, file, (long)parts, 3, 0);
        CHECK(count == 150 || count == 50);
        call(SYS_lseek, file, 0, SEEK_SET, 0);
        count = call(SYS_readv, file, (long)parts, 3, 0);
        CHECK(count == 150 || count == 50);
    }
}

/* Bytes that go where others came from, or twice to the same place. */
static void overlaps(void)
{
    CHECK(call(SYS_pwrite64, file, (long)text, 4096, 0) == 4096);
    for (int i = 0; i < 300; i++) {
        char buffer[256];
        strcpy(buffer, "link");
        expect("readlink over its path", call(SYS_readlink, (long)buffer, (long)buffer, sizeof buffer, 0), 4, 0);
        CHECK(memcmp(buffer, "data", 4) == 0);
        memcpy(buffer, "data", 5);
        expect("stat over its path", call(SYS_stat, (long)buffer, (long)buffer, 0, 0), 0, 0);
        CHECK(((struct stat *)buffer)->st_size >= 4096);

        union { struct iovec parts[4]; unsigned char bytes[64]; } both = {
            { { got, 100 }, { got + 50, 100 }, { &both, 64 }, { got + 10, 5 } } };
        call(SYS_lseek, file, 0, SEEK_SET, 0);
        expect("readv over its vector", call(SYS_readv, file, (long)both.parts, 4, 0), 269, 0);
        CHECK(memcmp(both.bytes, text + 200, 64) == 0 && memcmp(got + 50, text + 100, 100) == 0);
        CHECK(memcmp(got, text, 10) == 0 && memcmp(got + 10, text + 264, 5) == 0 && memcmp(got + 15, text + 15, 35) == 0);
    }
}

static void messages(void)
{
    int pair[2];
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
    for (int i = 0; i < WARM; i++) {
        int size = i % 40 == 0 ? 20000 : 1 + i;
        for (int j = 0; j < size; j++)
            text[j] = i + j;
        struct iovec parts[] = { { text, size / 2 }, { text + size / 2, size - size / 2 } };
        struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
        if (i % 3 == 0)
            expect("sendmsg", call(SYS_sendmsg, pair[0], (long)&message, 0, 0), size, 0);
        else if (i % 3 == 1)
            expect("writev", call(SYS_writev, pair[0], (long)parts, 2, 0), size, 0);
        else
            expect("write", call(SYS_write, pair[0], (long)text, size, 0), size, 0);
        memset(got, 0, size);
        parts[0].iov_base = got, parts[1].iov_base = got + size / 2;
        if (i % 2)
            expect("recvmsg", call(SYS_recvmsg, pair[1], (long)&message, 0, 0), size, 0);
        else
            expect("read", call(SYS_read, pair[1], (long)got, sizeof got, 0), size, 0);
        CHECK(memcmp(got, text, size) == 0);
        if (i % 50 == 0) {
            expect("recvmsg of nothing", call(SYS_recvmsg, pair[1], (long)&message, MSG_DONTWAIT, 0), -1, EAGAIN);
            expect("recvmsg nowhere", call(SYS_recvmsg, pair[1], 0x12345, MSG_DONTWAIT, 0), -1, EFAULT);
        }
    }
    close(pair[0]);
    close(pair[1]);
}

static void events(void)
{
    int ends[2], poll = epoll_create1(0);
    CHECK(poll >= 0 && pipe(ends) == 0 && write(ends[1], "x", 1) == 1);
    for (int i = 0; i < WARM; i++) {
        struct epoll_event event = { .events = EPOLLIN, .data.u64 = i * 0x100000001ul }, out[4];
        expect("epoll_ctl", call(SYS_epoll_ctl, poll, i ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, ends[0], (long)&event), 0, 0);
        expect("epoll_wait", call(SYS_epoll_wait, poll, (long)out, 4, 0), 1, 0);
        CHECK(out[0].data.u64 == event.data.u64 && out[0].events == EPOLLIN);
        if (i % 100 == 0) {
            expect("epoll_ctl nowhere", call(SYS_epoll_ctl, poll, EPOLL_CTL_MOD, ends[0], 0x1000), -1, EFAULT);
            expect("epoll_wait nowhere", call(SYS_epoll_wait, poll, 0x1000, 4, 0), -1, EFAULT);
        }
        unsigned long mask = 1ul << (SIGUSR2 - 1), old = 0;
        expect("sigprocmask", call(SYS_rt_sigprocmask, i % 2 ? SIG_BLOCK : SIG_UNBLOCK, (long)&mask, (long)&old, 8), 0, 0);
        CHECK(i == 0 || ((old & mask) != 0) == (i % 2 == 0));
        expect("sigprocmask asks", call(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)&old, 8), 0, 0);
        CHECK(((old & mask) != 0) == i % 2);
    }
    close(poll);
    close(ends[0]);
    close(ends[1]);
}

/* The direction flag does not belong in a call, but Linux does not look at it. */
static void backwards(void)
{
    struct registers r, *unused;
    expect("pwrite", call(SYS_pwrite64, file, (long)text, 4096, 0), 4096, 0);
    for (int i = 0; i < WARM && failures == 0; i++) {
        memset(got, 0, 64);
        r = (struct registers){ SYS_pread64, file, (long)got + 16, 16, 100 };
        __asm__ volatile("sub $128, %%rsp\n std\n call raw_call\n cld\n add $128, %%rsp"
                         : "=D"(unused) : "D"(&r) : "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "memory", "cc");
        CHECK(r.rax == 16 && memcmp(got + 16, text + 100, 16) == 0 && got[15] == 0 && got[32] == 0);
        r = (struct registers){ SYS_stat, (long)"data", (long)got };
        __asm__ volatile("sub $128, %%rsp\n std\n call raw_call\n cld\n add $128, %%rsp"
                         : "=D"(unused) : "D"(&r) : "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "memory", "cc");
        CHECK(r.rax == 0);
    }
}

static volatile int ticks;

static void on_tick(int signal)
{
    int saved = errno;
    char small[64];
    CHECK(call(SYS_pread64, file, (long)small, sizeof small, 5) == sizeof small && memcmp(small, text + 5, sizeof small) == 0);
    ticks++;
    errno = saved;
}

/* Signals at any moment: no byte is lost, none comes twice, and no register is another one. */
static void signals(void)
{
    int ends[2];
    CHECK(pipe(ends) == 0);
    for (int j = 0; j < LARGE; j++)
        text[j] = j * 11;
    CHECK(call(SYS_pwrite64, file, (long)text, LARGE, 0) == LARGE);
    struct sigaction action = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
    sigaction(SIGALRM, &action, NULL);
    struct itimerval timer = { { 0, 200 }, { 0, 200 } };
    setitimer(ITIMER_REAL, &timer, NULL);
    int64_t end = now_ms() + 1500;
    for (unsigned i = 0; ticks < 300 && now_ms() < end && failures == 0; i++) {
        int size = i % 3 ? 100 : 16000, at = i % 5000;
        memset(got, 0, size + 1);
        expect("pread among signals", call(SYS_pread64, file, (long)got, size, at), size, 0);
        CHECK(memcmp(got, text + at, size) == 0 && got[size] == 0);
        expect("write among signals", call(SYS_write, ends[1], (long)text + at, 500, 0), 500, 0);
        expect("read among signals", call(SYS_read, ends[0], (long)got, 700, 0), 500, 0);
        CHECK(memcmp(got, text + at, 500) == 0);
        expect("a bad address among signals", call(SYS_pread64, file, (long)pages + 2 * PAGE, 100, 0), -1, EFAULT);
    }
    timer = (struct itimerval){ { 0, 0 }, { 0, 0 } };
    setitimer(ITIMER_REAL, &timer, NULL);
    CHECK(ticks > 0);
    close(ends[0]);
    close(ends[1]);
}

static volatile int is_done;

static void *changer(void *area)
{
    while (!is_done) {
        mprotect(area, PAGE, PROT_NONE);
        mprotect(area, PAGE, PROT_READ | PROT_WRITE);
    }
    return area;
}

/* Another thread takes the buffer away and gives it back: EFAULT, less or all, but never a signal. */
static void changing(void)
{
    char *area = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_t thread;
    pthread_create(&thread, NULL, changer, area);
    int64_t end = now_ms() + 300;
    for (int i = 0; i < 3000 && now_ms() < end; i++) {
        long count = call(SYS_pread64, file, (long)area + 100, 6000, 0);
        CHECK((count > 0 && count <= 6000) || (count == -1 && errno == EFAULT));
        count = call(SYS_pwrite64, file, (long)area + 100, 6000, LARGE + 4096);
        CHECK((count > 0 && count <= 6000) || (count == -1 && errno == EFAULT));
        count = call(SYS_stat, (long)"data", (long)area, 0, 0);
        CHECK(count == 0 || (count == -1 && errno == EFAULT));
    }
    is_done = 1;
    pthread_join(thread, NULL);
    munmap(area, 2 * PAGE);
}

/* Past the end of a mapped file there is SIGBUS for the program's own accesses, and EFAULT for the kernel's. */
static void truncated(void)
{
    int empty = open("empty", O_RDWR | O_CREAT | O_TRUNC, 0644);
    char *area = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, empty, 0);
    CHECK(area != MAP_FAILED);
    for (int i = 0; i < 10; i++) {
        expect("stat to the void", call(SYS_stat, (long)"data", (long)area, 0, 0), -1, EFAULT);
        expect("stat of the void", call(SYS_stat, (long)area, (long)got, 0, 0), -1, EFAULT);
        expect("pread to the void", call(SYS_pread64, file, (long)area, 100, 0), -1, EFAULT);
        expect("pwrite from the void", call(SYS_pwrite64, file, (long)area, 100, 0), -1, EFAULT);
    }
    close(empty);
}

static void children(void)
{
    for (int i = 0; i < 10; i++) {
        IN_CHILD({
            for (int j = 0; j < 100; j++) {
                memset(got, 0, 500);
                CHECK(call(SYS_pread64, file, (long)got, 500, j) == 500 && memcmp(got, text + j, 500) == 0);
            }
            overlaps();
        });
        CHECK(call(SYS_pread64, file, (long)got, 500, i) == 500 && memcmp(got, text + i, 500) == 0);
    }
}

int main(void)
{
    file = open("data", O_RDWR | O_CREAT, 0644);
    CHECK(file >= 0 && write(file, text, LARGE) == LARGE && symlink("data", "link") == 0);
    pages = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(pages + 2 * PAGE, PAGE, PROT_NONE);
    mprotect(pages + 3 * PAGE, PAGE, PROT_READ);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < WARM; i++)
            CHECK(call(SYS_getpid, 0, 0, 0, 0) == getpid());
        bad_addresses();
        strings();
        sizes();
        overlaps();
        messages();
        events();
        truncated();
    }
    backwards();
    signals();
    changing();
    children();
    return done();
}
