/* truncate(2), ftruncate(2), fallocate(2), RLIMIT_FSIZE. */
#include "check.h"
#include <sys/resource.h>

int main(void)
{
    char buffer[16];
    struct stat st;
    make_file("f", "0123456789");
    RETURNS(0, truncate("f", 4));
    CHECK(strcmp(slurp("f"), "0123") == 0);
    RETURNS(0, truncate("f", 8));
    int fd = OK(open("f", O_RDWR));
    RETURNS(8, read(fd, buffer, sizeof buffer));
    CHECK(memcmp(buffer, "0123\0\0\0\0", 8) == 0);
    RETURNS(0, ftruncate(fd, 2));
    RETURNS(8, lseek(fd, 0, SEEK_CUR));
    RETURNS(0, read(fd, buffer, 4));
    RETURNS(1, write(fd, "x", 1));
    RETURNS(0, fstat(fd, &st));
    RETURNS(9, st.st_size);
    FAILS(EINVAL, ftruncate(fd, -1));
    FAILS(EINVAL, truncate("f", -1));
    FAILS(ENOENT, truncate("missing", 0));
    FAILS(EISDIR, truncate(".", 0));
    int readonly = OK(open("f", O_RDONLY));
    FAILS(EINVAL, ftruncate(readonly, 0));

    RETURNS(0, fallocate(fd, 0, 0, 20000));
    RETURNS(0, fstat(fd, &st));
    RETURNS(20000, st.st_size);
    RETURNS(0, fallocate(fd, 1 /* KEEP_SIZE */, 0, 40000));
    RETURNS(0, fstat(fd, &st));
    RETURNS(20000, st.st_size);
    RETURNS(3, pwrite(fd, "abc", 3, 0));
    RETURNS(0, fallocate(fd, 3 /* PUNCH_HOLE | KEEP_SIZE */, 0, 4096));
    RETURNS(3, pread(fd, buffer, 3, 0));
    CHECK(memcmp(buffer, "\0\0\0", 3) == 0);
    FAILS(EINVAL, fallocate(fd, 0, 0, 0));
    FAILS(EBADF, fallocate(readonly, 0, 0, 10));
    RETURNS(0, fsync(fd));
    RETURNS(0, fdatasync(fd));

    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = { 30000, 30000 };
    RETURNS(0, setrlimit(RLIMIT_FSIZE, &limit));
    FAILS(EFBIG, pwrite(fd, "x", 1, 30000));
    RETURNS(1, pwrite(fd, "xyz", 3, 29999));
    FAILS(EFBIG, ftruncate(fd, 30001));
    return done();
}
