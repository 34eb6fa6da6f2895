/* mmap(2), munmap(2), mprotect(2), mremap(2), madvise(2) on anonymous memory. */
#include "check.h"
#include <setjmp.h>
#include <sys/mman.h>

#define PAGE 4096L

static sigjmp_buf back;

static void handler(int signal)
{
    siglongjmp(back, 1);
}

/* Whether a byte can be read (0) or written (1) without a signal. */
static int can(volatile char *address, int write)
{
    if (sigsetjmp(back, 1) != 0)
        return 0;
    if (write)
        *address = 1;
    else
        (void)*address;
    return 1;
}

static char *map(size_t length, int protection, int flags)
{
    return mmap(NULL, length, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

int main(void)
{
    struct sigaction action = { .sa_handler = handler };
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    char *area = map(10 * PAGE, PROT_READ | PROT_WRITE, 0);
    CHECK(area != MAP_FAILED && (uintptr_t)area % PAGE == 0);
    for (int i = 0; i < 10 * PAGE; i += PAGE)
        CHECK(area[i] == 0);
    memset(area, 'x', 10 * PAGE);

    /* A hole in the middle. */
    RETURNS(0, munmap(area + 4 * PAGE, PAGE));
    CHECK(!can(area + 4 * PAGE, 0) && can(area + 3 * PAGE, 1) && can(area + 5 * PAGE, 1));
    RETURNS(0, munmap(area + 4 * PAGE, PAGE)); /* nothing there is no error */
    FAILS(EINVAL, munmap(area + 1, PAGE));
    FAILS(EINVAL, munmap(area, 0));

    /* Protection, page by page. */
    RETURNS(0, mprotect(area + PAGE, PAGE, PROT_READ));
    CHECK(can(area + PAGE, 0) && !can(area + PAGE, 1));
    RETURNS(0, mprotect(area + PAGE, PAGE, PROT_NONE));
    CHECK(!can(area + PAGE, 0));
    RETURNS(0, mprotect(area + PAGE, PAGE, PROT_READ | PROT_WRITE));
    CHECK(area[PAGE] == 'x' || area[PAGE] == 1);
    FAILS(EINVAL, mprotect(area + 1, PAGE, PROT_READ));
    FAILS(ENOMEM, mprotect(area + 3 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE));

    /* MAP_FIXED replaces, MAP_FIXED_NOREPLACE refuses. */
    char *fixed = mmap(area, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(fixed == area && area[0] == 0);
    CHECK(mmap(area, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED && errno == EEXIST);
    CHECK(mmap(area + 1, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED && errno == EINVAL);
    CHECK(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EINVAL);
    CHECK(mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EINVAL);
    CHECK(mmap(NULL, 1ul << 47, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED && errno == ENOMEM);
    char *hint = mmap(area + 4 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(hint == area + 4 * PAGE); /* a free hint is taken */

    /* mremap: shrink, grow in place or move, keep the contents. */
    char *block = map(4 * PAGE, PROT_READ | PROT_WRITE, 0);
    memset(block, 'r', 4 * PAGE);
    CHECK(mremap(block, 4 * PAGE, 2 * PAGE, 0) == block && !can(block + 2 * PAGE, 0));
    char *moved = mremap(block, 2 * PAGE, 300 * PAGE, MREMAP_MAYMOVE);
    CHECK(moved != MAP_FAILED && moved[0] == 'r' && moved[2 * PAGE - 1] == 'r' && moved[2 * PAGE] == 0);
    char *target = map(8 * PAGE, PROT_READ | PROT_WRITE, 0);
    CHECK(mremap(moved, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target) == target && target[5] == 'r');
    CHECK(target[3 * PAGE] == 0 && !can(moved, 0) && can(moved + 2 * PAGE, 1));
    CHECK(mremap(area + 1, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EINVAL);
    CHECK(mremap((void *)(16 * PAGE), PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT);
    char *pair = map(2 * PAGE, PROT_READ, 0);
    CHECK(mremap(pair, PAGE, 2 * PAGE, 0) == MAP_FAILED && errno == ENOMEM);

    /* MADV_DONTNEED zeroes private memory. */
    memset(target, 't', PAGE);
    RETURNS(0, madvise(target, PAGE, MADV_DONTNEED));
    RETURNS(0, target[10]);
    FAILS(EINVAL, madvise(target, PAGE, 9999));
    FAILS(EINVAL, madvise(target + 1, PAGE, MADV_DONTNEED));

    /* System calls see protections too. */
    int ends[2];
    RETURNS(0, pipe(ends));
    char *readonly = map(PAGE, PROT_READ, 0), *none = map(PAGE, PROT_NONE, 0);
    RETURNS(10, write(ends[1], readonly, 10));
    FAILS(EFAULT, read(ends[0], readonly, 10));
    FAILS(EFAULT, write(ends[1], none, 10));
    unsigned char resident[4];
    RETURNS(0, mincore(target, 4 * PAGE, resident));
    FAILS(ENOMEM, mincore(none + 1000 * PAGE * PAGE, PAGE, resident));
    RETURNS(0, mlock(target, PAGE));
    RETURNS(0, munlock(target, PAGE));

    /* Running code out of memory that was written and then made executable. */
    unsigned char code[] = { 0xb8, 0x2a, 0, 0, 0, 0xc3 }; /* mov eax, 42; ret */
    char *page = map(PAGE, PROT_READ | PROT_WRITE, 0);
    memcpy(page, code, sizeof code);
    RETURNS(0, mprotect(page, PAGE, PROT_READ | PROT_EXEC));
    RETURNS(42, ((int (*)(void))page)());

    /* Big and sparse. */
    char *sparse = map(4l << 30, PROT_READ | PROT_WRITE, MAP_NORESERVE);
    CHECK(sparse != MAP_FAILED);
    for (long at = 0; at < 4l << 30; at += 256 << 20)
        sparse[at] = 1;
    RETURNS(0, munmap(sparse, 4l << 30));
    return done();
}
