/* /dev: null, zero, full, random, urandom, tty, ptmx, fd, stdin and shm. */
#include "check.h"
#include <sys/sysmacros.h>

static void device(const char *path, unsigned major, unsigned minor)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(major, minor))
        complain(path, 0, "is the right device", st.st_rdev, errno);
}

int main(void)
{
    char buffer[64], zeros[64] = { 0 };
    device("/dev/null", 1, 3);
    device("/dev/zero", 1, 5);
    device("/dev/full", 1, 7);
    device("/dev/random", 1, 8);
    device("/dev/urandom", 1, 9);
    device("/dev/tty", 5, 0);
    int fd = OK(open("/dev/null", O_RDWR));
    RETURNS(0, read(fd, buffer, 64));
    RETURNS(64, write(fd, buffer, 64));
    fd = OK(open("/dev/zero", O_RDWR));
    memset(buffer, 'x', 64);
    RETURNS(64, read(fd, buffer, 64));
    CHECK(memcmp(buffer, zeros, 64) == 0);
    RETURNS(10, write(fd, buffer, 10));
    fd = OK(open("/dev/full", O_RDWR));
    RETURNS(64, read(fd, buffer, 64));
    FAILS(ENOSPC, write(fd, buffer, 1));
    fd = OK(open("/dev/urandom", O_RDONLY));
    RETURNS(64, read(fd, buffer, 64));
    CHECK(memcmp(buffer, zeros, 64) != 0);
    fd = OK(open("/dev/random", O_RDONLY));
    RETURNS(64, read(fd, buffer, 64));
    fd = OK(open("/dev/null", O_WRONLY | O_TRUNC | O_APPEND));
    RETURNS(0, lseek(fd, 0, SEEK_END));
    FAILS(EBADF, read(fd, buffer, 1));

    int ends[2];
    RETURNS(0, pipe(ends));
    RETURNS(2, write(ends[1], "ok", 2));
    snprintf(buffer, sizeof buffer, "/dev/fd/%d", ends[0]);
    fd = OK(open(buffer, O_RDONLY));
    RETURNS(2, read(fd, buffer, 64));
    RETURNS(0, access("/dev/stdin", F_OK) & 0);
    struct stat st;
    RETURNS(0, lstat("/dev/stdout", &st));
    CHECK(S_ISLNK(st.st_mode));
    RETURNS(0, stat("/dev/shm", &st));
    CHECK(S_ISDIR(st.st_mode) && (st.st_mode & 01777) == 01777);
    RETURNS(0, stat("/dev/pts", &st));
    CHECK(S_ISDIR(st.st_mode));
    RETURNS(0, mknod("mynull", S_IFCHR | 0666, makedev(1, 3)));
    RETURNS(0, stat("mynull", &st));
    CHECK(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
    return done();
}
