/* utimensat(2), futimens(3). */
#include "check.h"
#include <sys/time.h>
#include <utime.h>

int main(void)
{
    struct stat st;
    make_file("f", "x");
    struct timespec times[2] = { { 1000, 5000 }, { 2000, 6000 } };
    RETURNS(0, utimensat(AT_FDCWD, "f", times, 0));
    RETURNS(0, stat("f", &st));
    CHECK(st.st_atim.tv_sec == 1000 && st.st_atim.tv_nsec == 5000);
    CHECK(st.st_mtim.tv_sec == 2000 && st.st_mtim.tv_nsec == 6000);
    CHECK(llabs((long long)st.st_ctim.tv_sec - time(NULL)) < 60);

    times[0].tv_nsec = UTIME_OMIT;
    times[1].tv_nsec = UTIME_NOW;
    RETURNS(0, utimensat(AT_FDCWD, "f", times, 0));
    RETURNS(0, stat("f", &st));
    RETURNS(1000, st.st_atim.tv_sec);
    CHECK(llabs((long long)st.st_mtim.tv_sec - time(NULL)) < 60);

    int fd = OK(open("f", O_RDWR));
    times[0].tv_nsec = times[1].tv_nsec = 7;
    RETURNS(0, futimens(fd, times));
    RETURNS(0, fstat(fd, &st));
    CHECK(st.st_atim.tv_nsec == 7 && st.st_mtim.tv_sec == 2000);
    RETURNS(0, utimensat(AT_FDCWD, "f", NULL, 0));
    RETURNS(0, stat("f", &st));
    CHECK(st.st_atim.tv_sec > 100000);

    times[0].tv_nsec = 1000000000;
    FAILS(EINVAL, utimensat(AT_FDCWD, "f", times, 0));
    times[0].tv_nsec = 0;
    FAILS(ENOENT, utimensat(AT_FDCWD, "missing", times, 0));

    RETURNS(0, symlink("f", "s"));
    times[1].tv_sec = 4242;
    RETURNS(0, utimensat(AT_FDCWD, "s", times, AT_SYMLINK_NOFOLLOW));
    RETURNS(0, lstat("s", &st));
    RETURNS(4242, st.st_mtim.tv_sec);
    RETURNS(0, stat("f", &st));
    CHECK(st.st_mtim.tv_sec != 4242);

    struct utimbuf old = { 11, 22 };
    RETURNS(0, utime("f", &old));
    struct timeval tv[2] = { { 33, 1 }, { 44, 2 } };
    RETURNS(0, stat("f", &st));
    CHECK(st.st_atime == 11 && st.st_mtime == 22);
    RETURNS(0, utimes("f", tv));
    RETURNS(0, stat("f", &st));
    CHECK(st.st_atime == 33 && st.st_mtim.tv_nsec == 2000);
    return done();
}
