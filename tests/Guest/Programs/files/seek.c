/* lseek(2), pread(2), pwrite(2), holes. */
#include "check.h"

int main(void)
{
    char buffer[16];
    int fd = OK(open("f", O_RDWR | O_CREAT, 0644));
    RETURNS(10, write(fd, "0123456789", 10));
    RETURNS(3, lseek(fd, 3, SEEK_SET));
    RETURNS(5, lseek(fd, 2, SEEK_CUR));
    RETURNS(8, lseek(fd, -2, SEEK_END));
    FAILS(EINVAL, lseek(fd, -1, SEEK_SET));
    FAILS(EINVAL, lseek(fd, 0, 99));
    FAILS(EBADF, lseek(999, 0, SEEK_SET));
    RETURNS(8, lseek(fd, 0, SEEK_CUR));

    RETURNS(4, pread(fd, buffer, 4, 2));
    CHECK(memcmp(buffer, "2345", 4) == 0);
    RETURNS(8, lseek(fd, 0, SEEK_CUR));
    RETURNS(0, pread(fd, buffer, 4, 100));
    FAILS(EINVAL, pread(fd, buffer, 4, -1));
    RETURNS(2, pwrite(fd, "AB", 2, 0));
    FAILS(EINVAL, pwrite(fd, "AB", 2, -1));
    RETURNS(8, lseek(fd, 0, SEEK_CUR));

    /* Writing behind the end leaves zeros. */
    RETURNS(1, pwrite(fd, "z", 1, 8192 * 4));
    RETURNS(4, pread(fd, buffer, 4, 4096));
    CHECK(memcmp(buffer, "\0\0\0\0", 4) == 0);
    struct stat st;
    RETURNS(0, fstat(fd, &st));
    RETURNS(8192 * 4 + 1, st.st_size);

    /* A file system without holes may say: all data, and one hole at the end. */
    long data = OK(lseek(fd, 0, SEEK_DATA));
    RETURNS(0, data);
    long hole = OK(lseek(fd, 0, SEEK_HOLE));
    CHECK(hole > 0 && hole <= st.st_size);
    FAILS(ENXIO, lseek(fd, st.st_size, SEEK_DATA));
    FAILS(ENXIO, lseek(fd, st.st_size + 5, SEEK_HOLE));
    RETURNS(st.st_size, lseek(fd, st.st_size - 1, SEEK_HOLE));

    int ends[2];
    RETURNS(0, pipe(ends));
    FAILS(ESPIPE, lseek(ends[0], 0, SEEK_CUR));
    FAILS(ESPIPE, pread(ends[0], buffer, 1, 0));
    FAILS(ESPIPE, pwrite(ends[1], buffer, 1, 0));

    /* Two descriptors of one description share the offset; two opens do not. */
    int copy = OK(dup(fd)), other = OK(open("f", O_RDONLY));
    RETURNS(7, lseek(copy, 7, SEEK_SET));
    RETURNS(7, lseek(fd, 0, SEEK_CUR));
    RETURNS(0, lseek(other, 0, SEEK_CUR));

    FAILS(EFAULT, read(fd, (void *)8, 4));
    FAILS(EFAULT, write(fd, (void *)8, 4));
    RETURNS(0, read(fd, buffer, 0));
    return done();
}
