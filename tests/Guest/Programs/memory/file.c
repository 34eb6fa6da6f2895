/* mmap(2) of files: private and shared, coherence with read and write, msync, beyond the end, after close and unlink. */
#include "check.h"
#include <setjmp.h>
#include <sys/mman.h>

#define PAGE 4096L

static sigjmp_buf back;
static volatile int caught;

static void handler(int signal)
{
    caught = signal;
    siglongjmp(back, 1);
}

int main(void)
{
    char buffer[16] = "";
    int fd = OK(open("f", O_RDWR | O_CREAT, 0644));
    RETURNS(0, ftruncate(fd, 3 * PAGE));
    RETURNS(5, pwrite(fd, "hello", 5, PAGE));

    char *shared = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *private = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, PAGE);
    CHECK(shared != MAP_FAILED && private != MAP_FAILED);
    CHECK(memcmp(shared + PAGE, "hello", 5) == 0 && memcmp(private, "hello", 5) == 0);

    /* Shared writes reach the file at once, file writes reach the mapping at once. */
    shared[PAGE] = 'J';
    RETURNS(5, pread(fd, buffer, 5, PAGE));
    CHECK(memcmp(buffer, "Jello", 5) == 0);
    RETURNS(1, pwrite(fd, "C", 1, PAGE));
    CHECK(shared[PAGE] == 'C');
    CHECK(private[0] == 'C'); /* not yet copied: it shows the file */
    private[1] = 'E';
    RETURNS(1, pwrite(fd, "x", 1, PAGE + 1));
    CHECK(private[1] == 'E' && shared[PAGE + 1] == 'x');
    RETURNS(1, pread(fd, buffer, 1, PAGE + 1));
    CHECK(buffer[0] == 'x');
    RETURNS(0, msync(shared, 3 * PAGE, MS_SYNC));
    FAILS(EINVAL, msync(shared + 1, PAGE, MS_SYNC));

    /* Another process sees it; closing and unlinking do not end the mapping. */
    IN_CHILD({
        CHECK(shared[PAGE] == 'C');
        shared[0] = 'c';
        private[0] = 'p';
    });
    CHECK(shared[0] == 'c' && private[0] == 'C');
    int other = OK(open("f", O_RDONLY));
    close(fd);
    RETURNS(0, unlink("f"));
    shared[1] = 'd';
    RETURNS(2, pread(other, buffer, 2, 0));
    CHECK(memcmp(buffer, "cd", 2) == 0);

    /* Rights: a read-only descriptor cannot give a shared writable mapping, nor one that may become so. */
    CHECK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0) == MAP_FAILED && errno == EACCES);
    char *readonly = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, other, 0);
    CHECK(readonly != MAP_FAILED && readonly[0] == 'c');
    FAILS(EACCES, mprotect(readonly, PAGE, PROT_READ | PROT_WRITE));
    char *copy = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, other, 0);
    CHECK(copy != MAP_FAILED);
    int writeonly = OK(open("w", O_WRONLY | O_CREAT, 0644));
    CHECK(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, writeonly, 0) == MAP_FAILED && errno == EACCES);
    CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 999, 0) == MAP_FAILED && errno == EBADF);
    CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, other, 1) == MAP_FAILED && errno == EINVAL);
    int ends[2];
    RETURNS(0, pipe(ends));
    CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, ends[0], 0) == MAP_FAILED && errno == ENODEV);

    /* The last page is zero behind the end; the page after it is SIGBUS; growing the file mends that. */
    struct sigaction action = { .sa_handler = handler };
    sigaction(SIGBUS, &action, NULL);
    fd = OK(open("short", O_RDWR | O_CREAT, 0644));
    RETURNS(3, write(fd, "abc", 3));
    volatile char *tail = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(tail[2] == 'c' && tail[3] == 0 && tail[PAGE - 1] == 0);
    if (sigsetjmp(back, 1) == 0)
        (void)tail[PAGE];
    RETURNS(SIGBUS, caught);
    RETURNS(0, ftruncate(fd, 2 * PAGE));
    tail[PAGE] = 'y';
    RETURNS(1, pread(fd, buffer, 1, PAGE));
    CHECK(buffer[0] == 'y');

    /* Executable file mappings: load code from a file. */
    unsigned char code[] = { 0xb8, 7, 0, 0, 0, 0xc3 };
    fd = OK(open("code", O_RDWR | O_CREAT, 0755));
    RETURNS(6, write(fd, code, 6));
    char *program = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    CHECK(program != MAP_FAILED);
    RETURNS(7, program == MAP_FAILED ? 0 : ((int (*)(void))program)());

    /* /dev/zero is anonymous memory. */
    int zero = OK(open("/dev/zero", O_RDWR));
    char *zeros = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
    CHECK(zeros != MAP_FAILED && zeros[100] == 0);
    zeros[100] = 1;
    /* A file on tmpfs works the same. */
    fd = OK(open("/tmp/sandbox-map-test", O_RDWR | O_CREAT | O_TRUNC, 0600));
    RETURNS(0, unlink("/tmp/sandbox-map-test"));
    RETURNS(0, ftruncate(fd, PAGE));
    char *tmp = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(tmp != MAP_FAILED);
    tmp[9] = 't';
    RETURNS(1, pread(fd, buffer, 1, 9));
    CHECK(buffer[0] == 't');
    return done();
}
