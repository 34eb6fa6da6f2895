/*
 * read(2), pread(2) and fstat(2) of small files, over and over: whatever short cut there is, each sees what was written, by whom
 * and however, and the position is one for all who share the open file.
 */
#include "check.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

enum { TURNS = 3000, SIZE = 6000 };

static char name[64], other[80], text[SIZE], seen[SIZE + 64];

static void make(const char *path, const char *bytes, size_t count)
{
    int file = OK(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));
    RETURNS(count, write(file, bytes, count));
    RETURNS(0, close(file));
}

/* Until the calls of this thread take every short cut that there is. */
static void warm_up(int file)
{
    struct stat st;
    for (int i = 0; i < TURNS; i++) {
        RETURNS(16, pread(file, seen, 16, 0));
        RETURNS(0, fstat(file, &st));
        RETURNS(0, lseek(file, 0, SEEK_SET));
        RETURNS(16, read(file, seen, 16));
    }
    RETURNS(0, lseek(file, 0, SEEK_SET));
}

static int warm(int flags)
{
    make(name, text, SIZE);
    int file = OK(open(name, flags));
    warm_up(file);
    return file;
}

/* Calls made often enough that the file is read without the sandbox's kernel, if it ever is. */
static void use(int file)
{
    for (int i = 0; i < 4; i++)
        RETURNS(8, pread(file, seen, 8, 0));
}

static void in_pieces(void)
{
    int file = warm(O_RDONLY);
    size_t at = 0;
    for (ssize_t count; (count = read(file, seen + at, 7)) > 0; at += count)
        ;
    RETURNS(SIZE, at);
    CHECK(memcmp(seen, text, SIZE) == 0);
    RETURNS(0, read(file, seen, 1));
    RETURNS(SIZE, lseek(file, 0, SEEK_CUR));
    RETURNS(SIZE - 10, lseek(file, -10, SEEK_END));
    RETURNS(10, read(file, seen, sizeof seen));
    CHECK(memcmp(seen, text + SIZE - 10, 10) == 0);
    use(file);
    RETURNS(0, pread(file, seen, 5, SIZE + 100));
    RETURNS(5, pread(file, seen, 50, SIZE - 5));
    FAILS(EINVAL, pread(file, seen, 5, -1));
    RETURNS(0, read(file, seen, 0));
    RETURNS(0, pread(file, seen, 0, 3));
    RETURNS(0, close(file));
    FAILS(EBADF, read(file, seen, 1));
    FAILS(EBADF, pread(file, seen, 0, 0));
    struct stat st;
    FAILS(EBADF, fstat(file, &st));
}

static void small_files_one_after_the_other(void)
{
    for (int i = 0; i < 200; i++) {
        char mine[32];
        int length = snprintf(mine, sizeof mine, "file %d", i);
        make(other, mine, length);
        int file = OK(open(other, O_RDONLY));
        struct stat st;
        RETURNS(0, fstat(file, &st));
        RETURNS(length, st.st_size);
        RETURNS(length, read(file, seen, 100));
        CHECK(memcmp(seen, mine, length) == 0);
        RETURNS(0, read(file, seen, 100));
        RETURNS(0, close(file));
        RETURNS(0, unlink(other));
    }
}

static void written_by_others(void)
{
    int file = warm(O_RDONLY), writer = OK(open(name, O_RDWR));
    struct stat before, after;
    for (int i = 0; i < 300; i++) {
        char byte = 'a' + i % 26;
        use(file);
        RETURNS(1, pwrite(writer, &byte, 1, i));
        RETURNS(1, pread(file, seen, 1, i));
        CHECK(seen[0] == byte);
    }
    use(file);
    RETURNS(0, fstat(file, &before));
    RETURNS(SIZE, lseek(writer, 0, SEEK_END));
    RETURNS(4, write(writer, "tail", 4));
    RETURNS(0, fstat(file, &after));
    RETURNS(SIZE + 4, after.st_size);
    RETURNS(4, pread(file, seen, 10, SIZE));
    use(file);
    RETURNS(0, ftruncate(writer, 100));
    RETURNS(4, pread(file, seen, 50, 96));
    RETURNS(0, pread(file, seen, 50, 100));
    use(file);
    RETURNS(0, truncate(name, 50));
    RETURNS(0, pread(file, seen, 50, 50));
    use(file);
    IN_CHILD(make(name, "child", 5));
    RETURNS(5, pread(file, seen, 100, 0));
    CHECK(memcmp(seen, "child", 5) == 0);

    char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, writer, 0);
    CHECK(map != MAP_FAILED);
    for (int i = 0; i < 100; i++) {
        RETURNS(1, pread(file, seen, 1, 2));
        map[2] = 'A' + i % 26;
        RETURNS(1, pread(file, seen, 1, 2));
        CHECK(seen[0] == 'A' + i % 26);
    }
    RETURNS(0, munmap(map, 4096));
    RETURNS(0, close(writer));
    RETURNS(0, close(file));
}

static void attributes(void)
{
    int file = warm(O_RDONLY);
    struct stat st, named;
    struct timespec times[2] = { { 1000, 0 }, { 2000, 0 } };
    for (int i = 0; i < 100; i++) {
        use(file);
        RETURNS(0, chmod(name, 0600 + i % 8));
        RETURNS(0, fstat(file, &st));
        RETURNS(0600 + i % 8, st.st_mode & 0777);
        RETURNS(0, futimens(file, times));
        RETURNS(0, fstat(file, &st));
        RETURNS(2000, st.st_mtim.tv_sec);
        times[1].tv_sec = 2000;
        RETURNS(0, link(name, other));
        RETURNS(0, fstat(file, &st));
        RETURNS(2, st.st_nlink);
        RETURNS(0, unlink(other));
        RETURNS(0, fstat(file, &st));
        RETURNS(1, st.st_nlink);
        RETURNS(0, stat(name, &named));
        CHECK(memcmp(&st, &named, sizeof st) == 0);
        RETURNS(0, fstatat(file, "", &named, AT_EMPTY_PATH));
        CHECK(memcmp(&st, &named, sizeof st) == 0);
    }
    use(file);
    RETURNS(0, unlink(name));
    RETURNS(0, fstat(file, &st));
    RETURNS(0, st.st_nlink);
    RETURNS(8, pread(file, seen, 8, 0));
    FAILS(EFAULT, fstat(file, (struct stat *)16));
    FAILS(EFAULT, syscall(SYS_newfstatat, file, 16, &st, AT_EMPTY_PATH));
    FAILS(ENOTDIR, fstatat(file, "x", &st, AT_EMPTY_PATH));
    FAILS(ENOENT, fstatat(AT_FDCWD, "", &st, 0));
    RETURNS(0, close(file));
}

static long fdinfo_position(int file)
{
    char path[64];
    long position = -1;
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", file);
    FILE *info = fopen(path, "r");
    CHECK(info != NULL && fscanf(info, "pos: %ld", &position) == 1);
    if (info != NULL)
        fclose(info);
    return position;
}

static void positions(void)
{
    int file = warm(O_RDONLY), copy = OK(dup(file)), ends[2], sockets[2];
    for (int i = 0; i < 200; i++) {
        RETURNS(0, lseek(copy, 0, SEEK_SET));
        for (int k = 0; k < 5; k++)
            RETURNS(10, read(file, seen, 10));
        RETURNS(10, read(copy, seen, 10));
        CHECK(memcmp(seen, text + 50, 10) == 0);
        RETURNS(10, read(file, seen, 10));
        CHECK(memcmp(seen, text + 60, 10) == 0);
        RETURNS(70, lseek(copy, 0, SEEK_CUR));
    }
    RETURNS(0, close(copy));
    for (int i = 0; i < 50; i++) {
        RETURNS(0, lseek(file, 0, SEEK_SET));
        for (int k = 0; k < 3; k++)
            RETURNS(10, read(file, seen, 10));
        RETURNS(30, fdinfo_position(file));
        RETURNS(10, read(file, seen, 10));
        IN_CHILD(RETURNS(10, read(file, seen, 10)); CHECK(memcmp(seen, text + 40, 10) == 0));
        RETURNS(10, read(file, seen, 10));
        CHECK(memcmp(seen, text + 50, 10) == 0);
    }
    RETURNS(0, pipe(ends));
    for (int i = 0; i < 50; i++) {
        RETURNS(100, lseek(file, 100, SEEK_SET));
        for (int k = 0; k < 3; k++)
            RETURNS(10, read(file, seen, 10));
        RETURNS(20, sendfile(ends[1], file, NULL, 20));
        RETURNS(20, read(ends[0], seen, sizeof seen));
        CHECK(memcmp(seen, text + 130, 20) == 0);
        RETURNS(10, read(file, seen, 10));
        CHECK(memcmp(seen, text + 150, 10) == 0);
        struct iovec parts[2] = { { seen, 4 }, { seen + 4, 6 } };
        RETURNS(10, readv(file, parts, 2));
        CHECK(memcmp(seen, text + 160, 10) == 0);
    }
    close(ends[0]), close(ends[1]);
    RETURNS(0, close(file));
}

static void numbers(void)
{
    int file = warm(O_RDONLY);
    make(other, "OTHER OTHER OTHER OTHER", 23);
    for (int i = 0; i < 200; i++) {
        use(file);
        int next = OK(open(other, O_RDONLY));
        if (i % 2 == 0) {
            RETURNS(file, dup2(next, file));
            RETURNS(0, close(next));
        } else {
            RETURNS(0, close(file));
            FAILS(EBADF, pread(file, seen, 4, 0));
            RETURNS(file, fcntl(next, F_DUPFD, file));
            RETURNS(0, close(next));
        }
        RETURNS(5, read(file, seen, 5));
        CHECK(memcmp(seen, "OTHER", 5) == 0);
        next = OK(open(name, O_RDONLY));
        RETURNS(file, dup3(next, file, O_CLOEXEC));
        RETURNS(0, close(next));
        RETURNS(8, read(file, seen, 8));
        CHECK(memcmp(seen, text, 8) == 0);
    }
    RETURNS(0, close(file));
    file = OK(open(name, O_WRONLY));
    for (int i = 0; i < 20; i++)
        FAILS(EBADF, pread(file, seen, 4, 0));
    RETURNS(0, close(file));
    file = OK(open(name, O_PATH));
    FAILS(EBADF, pread(file, seen, 4, 0));
    RETURNS(0, close(file));
}

static void bad_buffers(void)
{
    int file = warm(O_RDONLY);
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    RETURNS(0, mprotect(pages + 4096, 4096, PROT_NONE));
    for (int i = 0; i < 20; i++) {
        use(file);
        RETURNS(0, lseek(file, 0, SEEK_SET));
        FAILS(EFAULT, read(file, pages + 4096, 10));
        RETURNS(0, lseek(file, 0, SEEK_CUR));
        FAILS(EFAULT, pread(file, (void *)8, 10, 0));
        use(file);
        RETURNS(10, pread(file, pages + 4086, 10, 0));
    }
    RETURNS(0, munmap(pages, 8192));
    RETURNS(0, close(file));
}

static volatile int ticks;

static void on_tick(int unused)
{
    (void)unused;
    ticks++;
}

static void signals(void)
{
    int file = warm(O_RDONLY);
    struct itimerval timer = { { 0, 700 }, { 0, 700 } };
    signal(SIGALRM, on_tick);
    setitimer(ITIMER_REAL, &timer, NULL);
    for (int round = 0; round < 400 || ticks < 50; round++) {
        RETURNS(0, lseek(file, 0, SEEK_SET));
        for (int at = 0; at < SIZE; at += 20) {
            long count = read(file, seen, 20);
            if (count != 20 || memcmp(seen, text + at, 20) != 0) {
                complain(__FILE__, __LINE__, "the next 20 bytes", count, at);
                round = 1000;
                ticks = 50;
                break;
            }
        }
    }
    memset(&timer, 0, sizeof timer);
    setitimer(ITIMER_REAL, &timer, NULL);
    RETURNS(0, close(file));
}

static int shared_file;
static long taken;

static void *take(void *unused)
{
    char bytes[8];
    for (long count; (count = read(shared_file, bytes, 8)) > 0;)
        __atomic_fetch_add(&taken, count, __ATOMIC_SEQ_CST);
    return unused;
}

static void threads_share_a_position(void)
{
    shared_file = warm(O_RDONLY);
    for (int i = 0; i < 20; i++) {
        pthread_t threads[3];
        taken = 0;
        RETURNS(0, lseek(shared_file, 0, SEEK_SET));
        for (int k = 0; k < 3; k++)
            CHECK(pthread_create(&threads[k], NULL, take, NULL) == 0);
        take(NULL);
        for (int k = 0; k < 3; k++)
            pthread_join(threads[k], NULL);
        RETURNS(SIZE, taken);
    }
    RETURNS(0, close(shared_file));
}

static int stop_closing;

/* The reader sees one file or the other or none. */
static void *close_and_open(void *unused)
{
    for (int i = 0; !__atomic_load_n(&stop_closing, __ATOMIC_SEQ_CST); i++) {
        int file = open(i % 2 ? name : other, O_RDONLY);
        if (file < 0 || dup2(file, shared_file) < 0 || close(file) < 0)
            failures++;
        if (i % 16 == 0)
            close(shared_file);
    }
    return unused;
}

static void a_thread_closes(void)
{
    pthread_t closer;
    shared_file = warm(O_RDONLY);
    memset(seen, 'x', SIZE);
    make(other, seen, SIZE);
    CHECK(pthread_create(&closer, NULL, close_and_open, NULL) == 0);
    for (int i = 0; i < 20000; i++) {
        char bytes[16];
        long count = pread(shared_file, bytes, 16, 0);
        if (!(count < 0 && errno == EBADF) && !(count == 16 && (memcmp(bytes, text, 16) == 0 || memcmp(bytes, seen, 16) == 0))) {
            complain(__FILE__, __LINE__, "one file or the other", count, errno);
            break;
        }
    }
    __atomic_store_n(&stop_closing, 1, __ATOMIC_SEQ_CST);
    pthread_join(closer, NULL);
    close(shared_file);
}

static void watched(void)
{
    int file = warm(O_RDONLY), watch = OK(inotify_init1(IN_NONBLOCK));
    char events[512];
    use(file);
    OK(inotify_add_watch(watch, name, IN_ACCESS));
    for (int i = 0; i < 10; i++) {
        RETURNS(8, pread(file, seen, 8, 0));
        CHECK(read(watch, events, sizeof events) >= (long)sizeof(struct inotify_event));
    }
    RETURNS(0, close(watch));
    use(file);
    RETURNS(0, close(file));
}

/* From here on a filter answers, whatever was answered before. */
static void filtered(void)
{
    int file = warm(O_RDONLY);
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pread64, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 77),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof code / sizeof code[0], code };
    use(file);
    RETURNS(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    RETURNS(0, prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
    for (int i = 0; i < 20; i++)
        FAILS(77, pread(file, seen, 8, 0));
    RETURNS(8, read(file, seen, 8));
}

int main(void)
{
    static const char *folders[] = { "/tmp", "/dev/shm", "/var/tmp", "/root" };
    for (int i = 0; i < SIZE; i++)
        text[i] = ' ' + (i * 7 + i / 95) % 95;
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s/fast_files.XXXXXX", folders[i]);
        int file = mkstemp(name);
        if (file < 0)
            continue;
        RETURNS(0, close(file));
        snprintf(other, sizeof other, "%s.other", name);
        in_pieces();
        small_files_one_after_the_other();
        written_by_others();
        attributes();
        positions();
        numbers();
        bad_buffers();
        signals();
        threads_share_a_position();
        stop_closing = 0;
        a_thread_closes();
        watched();
        IN_CHILD(filtered());
        unlink(name);
        unlink(other);
    }
    return done();
}
