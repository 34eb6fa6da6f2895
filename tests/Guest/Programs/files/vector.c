/* readv(2), writev(2), preadv(2), pwritev2(2): order, limits, errors in the middle. */
#include "check.h"
#include <sys/mman.h>
#include <sys/uio.h>

int main(void)
{
    char one[4] = "", two[8] = "";
    int fd = OK(open("f", O_RDWR | O_CREAT, 0644));
    struct iovec out[3] = { { "ab", 2 }, { NULL, 0 }, { "cdef", 4 } };
    RETURNS(6, writev(fd, out, 3));
    RETURNS(0, lseek(fd, 0, SEEK_SET));
    struct iovec in[2] = { { one, 3 }, { two, 8 } };
    RETURNS(6, readv(fd, in, 2));
    CHECK(memcmp(one, "abc", 3) == 0 && memcmp(two, "def", 3) == 0);
    RETURNS(4, preadv(fd, in, 2, 2));
    CHECK(memcmp(one, "cde", 3) == 0 && two[0] == 'f');
    RETURNS(6, pwritev(fd, out, 3, 1));
    RETURNS(0, readv(fd, in, 0));
    FAILS(EINVAL, readv(fd, in, 1025));
    FAILS(EINVAL, readv(fd, in, -1));
    FAILS(EFAULT, readv(fd, (void *)8, 1));
    struct iovec huge = { one, (size_t)-1 };
    FAILS(EINVAL, readv(fd, &huge, 1));

    /* What is readable before a bad address is still moved. */
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    RETURNS(0, munmap(pages + 4096, 4096));
    memset(pages, 'p', 4096);
    FAILS(EFAULT, pwrite(fd, pages + 4096, 10, 0));
    RETURNS(6, pwrite(fd, pages + 4090, 100, 0));
    RETURNS(4, pread(fd, pages + 4092, 6, 0));
    struct iovec partly[2] = { { two, 4 }, { pages + 4096, 4 } };
    RETURNS(4, preadv(fd, partly, 2, 0));
    CHECK(memcmp(two, "pppp", 4) == 0);
    RETURNS(0, lseek(fd, 0, SEEK_SET));

    FAILS(EOPNOTSUPP, syscall(SYS_preadv2, fd, in, 2, 0L, 0L, 0x40000000));
    RETURNS(7, syscall(SYS_preadv2, fd, in, 2, 0L, 0L, 0));
    return done();
}
