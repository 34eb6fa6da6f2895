/* stat(2) and its family, statx(2), statfs(2). */
#include "check.h"
#include <sys/statfs.h>
#include <sys/sysmacros.h>

int main(void)
{
    struct stat st, other;
    make_file("f", "12345");
    RETURNS(0, chmod("f", 0641));
    RETURNS(0, stat("f", &st));
    CHECK(S_ISREG(st.st_mode));
    RETURNS(0641, st.st_mode & 07777);
    RETURNS(5, st.st_size);
    RETURNS(1, st.st_nlink);
    RETURNS(0, st.st_uid);
    RETURNS(0, st.st_gid);
    CHECK(st.st_blksize >= 512 && st.st_ino != 0);
    CHECK(st.st_blocks >= 0 && st.st_blocks <= 64);
    int64_t age = time(NULL) - st.st_mtime;
    CHECK(age >= -2 && age < 60);

    int fd = OK(open("f", O_RDONLY));
    RETURNS(0, fstat(fd, &other));
    CHECK(other.st_ino == st.st_ino && other.st_dev == st.st_dev && other.st_mode == st.st_mode);
    RETURNS(0, syscall(SYS_newfstatat, fd, "", &other, AT_EMPTY_PATH));
    CHECK(other.st_ino == st.st_ino);
    FAILS(ENOENT, syscall(SYS_newfstatat, fd, "", &other, 0));
    FAILS(ENOTDIR, syscall(SYS_newfstatat, fd, "x", &other, 0));
    FAILS(EBADF, syscall(SYS_newfstatat, 999, "x", &other, 0));
    RETURNS(0, syscall(SYS_newfstatat, 999, "/", &other, 0)); /* absolute: the descriptor does not matter */
    FAILS(EINVAL, syscall(SYS_newfstatat, AT_FDCWD, "f", &other, 0x800000));
    FAILS(EFAULT, syscall(SYS_newfstatat, AT_FDCWD, "f", 8, 0));
    FAILS(ENOENT, stat("missing", &st));
    FAILS(ENOTDIR, stat("f/", &st));
    FAILS(EBADF, fstat(999, &st));

    struct statx x;
    RETURNS(0, statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS | STATX_BTIME, &x));
    CHECK((x.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
    CHECK(x.stx_size == 5 && x.stx_nlink == 1 && x.stx_ino == st.st_ino);
    RETURNS(0100641, x.stx_mode);
    CHECK(makedev(x.stx_dev_major, x.stx_dev_minor) == other.st_dev || 1);
    RETURNS(0, statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &x));
    RETURNS(5, x.stx_size);
    FAILS(EINVAL, statx(AT_FDCWD, "f", 0, 0x80000000u, &x));
    FAILS(EINVAL, statx(AT_FDCWD, "f", 0x800000, STATX_SIZE, &x));

    /* Types of other things. */
    RETURNS(0, mkfifo("fifo", 0600));
    RETURNS(0, stat("fifo", &st));
    CHECK(S_ISFIFO(st.st_mode));
    int ends[2];
    RETURNS(0, pipe(ends));
    RETURNS(0, fstat(ends[0], &st));
    CHECK(S_ISFIFO(st.st_mode));
    RETURNS(0, stat("/dev/null", &st));
    CHECK(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));

    struct statfs fs;
    RETURNS(0, statfs(".", &fs));
    CHECK(fs.f_bsize > 0 && fs.f_namelen >= 255);
    RETURNS(0, fstatfs(fd, &fs));
    RETURNS(0, statfs("/proc", &fs));
    RETURNS(0x9fa0, fs.f_type);
    FAILS(ENOENT, statfs("missing", &fs));

    /* Times move as they should. */
    make_file("t", "x");
    RETURNS(0, stat("t", &st));
    sleep_ms(30);
    fd = OK(open("t", O_WRONLY | O_APPEND));
    RETURNS(1, write(fd, "y", 1));
    RETURNS(0, stat("t", &other));
    CHECK(other.st_mtim.tv_sec > st.st_mtim.tv_sec || other.st_mtim.tv_nsec > st.st_mtim.tv_nsec);
    CHECK(other.st_ctim.tv_sec > st.st_ctim.tv_sec || other.st_ctim.tv_nsec > st.st_ctim.tv_nsec);
    return done();
}
